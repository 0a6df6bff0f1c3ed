//! Loading and attaching the programs, and what stands in the way.

use std::ffi::OsStr;
use std::sync::Mutex;

use libbpf_rs::{
    Link, MapCore, MapFlags, Object, ObjectBuilder, OpenObject, PrintLevel, ProgramMut, set_print,
};

use crate::calls;
use crate::error::Error;
use crate::hooks::{HOOKS, LAST, is_offered, parameters_of};
use crate::interface::{Call, Config};
use crate::options::{Mode, Options};

/// Where the kernel tells its types.
pub(crate) const TYPES: &str = "/sys/kernel/btf/vmlinux";

/// The programs. Aligned, since the library reads them in place.
#[repr(align(8))]
struct Aligned<T: ?Sized>(T);
static OBJECT: &Aligned<[u8]> =
    &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/sysflow.bpf.o")));

/// The compiled programs.
pub(crate) fn object() -> &'static [u8] {
    &OBJECT.0
}

/// The last words of the library that loads programs. It is one for the whole process.
static LOG: Mutex<String> = Mutex::new(String::new());

#[allow(clippy::needless_pass_by_value, reason = "the library's signature")]
fn keep_log(_: PrintLevel, text: String) {
    const MOST: usize = 1 << 16;
    if let Ok(mut log) = LOG.lock() {
        if log.len() > MOST {
            log.clear();
        }
        log.push_str(&text);
    }
}

/// What was loaded.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// What keeps the programs attached. They are detached before the maps go.
    _links: Vec<Link>,
    pub(crate) object: Object,
    /// Threads that there were when all began to be seen, as records.
    pub(crate) threads: Vec<u8>,
    /// Places without which something is missed.
    pub(crate) missing: Vec<&'static str>,
}

/// The types of the kernel.
pub(crate) fn types() -> Result<Vec<u8>, Error> {
    std::fs::read(TYPES).map_err(|reason| Error::NoTypes {
        path: TYPES,
        reason,
    })
}

fn refused(what: impl Into<String>, error: &libbpf_rs::Error) -> Error {
    let log = LOG.lock().map_or_else(
        |_| String::new(),
        |log| {
            let lines: Vec<&str> = log.lines().collect();
            let from = lines.len().saturating_sub(12);
            let mut last = String::new();
            for line in &lines[from..] {
                last.push_str("\n  ");
                last.push_str(line);
            }
            last
        },
    );
    let is_permission = error.kind() == libbpf_rs::ErrorKind::PermissionDenied;
    let hint = match crate::doctor::lockdown() {
        Some(level) if is_permission && level != "none" => {
            format!(" (the kernel is locked down: {level})")
        }
        _ if is_permission => {
            " (a security module, a seccomp filter or kernel.unprivileged_bpf_disabled may \
                               be the cause)"
                .to_owned()
        }
        _ => String::new(),
    };
    Error::Refused {
        what: what.into(),
        reason: error.to_string(),
        hint,
        log,
    }
}

/// Processors that there may be.
pub(crate) fn processors() -> Result<usize, Error> {
    libbpf_rs::num_possible_cpus().map_err(|error| refused("count the processors", &error))
}

/// Parameters of `io_uring_complete` where it is given a completion as a whole: the ring, the request and that. Older
/// kernels give it the parts.
const COMPLETE_BY_ENTRY: usize = 3;

fn configure(open: &mut OpenObject, options: &Options) -> Result<(), Error> {
    let processors = processors()? as u32;
    let config = Config {
        own_pid: std::process::id(),
        per_call: match options.mode {
            Mode::Normal | Mode::Floor => 0,
            Mode::PerCall => 1,
            Mode::EveryCall => 2,
        },
        data_size: options.data_size,
        wake_at: options.critical_ring.min(options.normal_ring) / 4,
        processors,
        by_entry: parameters_of("io_uring_complete")
            .is_some_and(|count| count == COMPLETE_BY_ENTRY)
            .into(),
        event_cost: 1_000_000_000 / u64::from(options.rate.max(1)),
        event_burst: u64::from(options.burst) * 1_000_000_000 / u64::from(options.rate.max(1)),
        copies: options.copies.into(),
        unused: 0,
    };
    for mut map in open.maps_mut() {
        let name = map.name().to_string_lossy().into_owned();
        let done = match name.as_str() {
            "critical" => map.set_max_entries(options.critical_ring),
            "normal" => map.set_max_entries(options.normal_ring),
            "flows" | "highest" => map.set_max_entries(options.flows),
            "scratches" => map.set_max_entries(processors + 1),
            name if name.ends_with(".rodata.config") => map.set_initial_value(&config.to_bytes()),
            _ => Ok(()),
        };
        done.map_err(|error| refused(format!("set up the map {name}"), &error))?;
    }
    Ok(())
}

/// Loads the programs and attaches them.
pub(crate) fn load(options: &Options) -> Result<Loaded, Error> {
    crate::doctor::check_privileges()?;
    let types = types()?;
    let mut missing = Vec::new();
    let mut wanted = vec!["known_tasks", "known_files"];
    for hook in HOOKS {
        let Some(program) = hook.program_for(options.mode) else {
            continue;
        };
        if is_offered(&types, hook.place) {
            wanted.push(program);
        } else if hook.is_needed {
            return Err(Error::NoHook {
                place: hook.place,
                missed: hook.missed,
            });
        } else {
            missing.push(hook.place);
        }
    }
    set_print(Some((PrintLevel::Info, keep_log)));
    if let Ok(mut log) = LOG.lock() {
        log.clear();
    }
    let mut open = ObjectBuilder::default()
        .open_memory(object())
        .map_err(|error| refused("read the BPF programs", &error))?;
    configure(&mut open, options)?;
    for mut program in open.progs_mut() {
        let is_wanted = wanted.iter().any(|name| OsStr::new(name) == program.name());
        program.set_autoload(is_wanted);
    }
    let object = open
        .load()
        .map_err(|error| refused("load the BPF programs", &error))?;
    fill_tables(&object)?;
    let mut links = Vec::new();
    let mut threads = Vec::new();
    for hook in HOOKS {
        if hook.place == LAST {
            threads = crate::snapshot::list(&program_of(&object, "known_tasks")?)?;
        }
        let Some(name) = hook.program_for(options.mode) else {
            continue;
        };
        if missing.contains(&hook.place) {
            continue;
        }
        let program = program_of(&object, name)?;
        match program.attach() {
            Ok(link) => links.push(link),
            Err(error) if hook.is_needed => {
                return Err(refused(
                    format!("attach a program to {}", hook.place),
                    &error,
                ));
            }
            Err(_) => missing.push(hook.place),
        }
    }
    Ok(Loaded {
        _links: links,
        object,
        threads,
        missing,
    })
}

/// A program of the object.
pub(crate) fn program_of<'a>(
    object: &'a Object,
    what: &'static str,
) -> Result<ProgramMut<'a>, Error> {
    object
        .progs_mut()
        .find(|program| program.name() == OsStr::new(what))
        .ok_or(Error::Broken { what })
}

/// Tells the kernel how a call is told.
pub(crate) fn tell_call(table: &impl MapCore, number: u16, call: &Call) -> Result<(), Error> {
    let key = u32::from(number).to_ne_bytes();
    table
        .update(&key, &call.to_bytes(), MapFlags::ANY)
        .map_err(|error| refused("fill the table of system calls", &error))
}

/// Tells the kernel how each call is told.
fn fill_tables(object: &Object) -> Result<(), Error> {
    let find = |what: &'static str| {
        object
            .maps()
            .find(|map| map.name() == OsStr::new(what))
            .ok_or(Error::Broken { what })
    };
    let table = find("calls")?;
    for known in calls::all() {
        tell_call(&table, known.number, &known.call)?;
    }
    let compat = find("compat_calls")?;
    for (number, native) in calls::compat() {
        compat
            .update(&number.to_ne_bytes(), &native.to_ne_bytes(), MapFlags::ANY)
            .map_err(|error| refused("fill the table of 32-bit system calls", &error))?;
    }
    let requests = find("request_calls")?;
    for (request, call) in calls::REQUESTS {
        requests
            .update(
                &request.to_ne_bytes(),
                &(*call as u32 + 1).to_ne_bytes(),
                MapFlags::ANY,
            )
            .map_err(|error| refused("fill the table of requests", &error))?;
    }
    Ok(())
}
