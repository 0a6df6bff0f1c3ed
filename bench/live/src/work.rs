//! What is done while it is watched.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::group::Group;

/// Kinds of work, and what one operation of each is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Redis,
    Nginx,
    Find,
    Compile,
    ReadWrite,
    Execute,
}

impl Kind {
    pub(crate) const ALL: [Self; 6] = [
        Self::Redis,
        Self::Nginx,
        Self::Find,
        Self::Compile,
        Self::ReadWrite,
        Self::Execute,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Nginx => "nginx",
            Self::Find => "find",
            Self::Compile => "compile",
            Self::ReadWrite => "read-write",
            Self::Execute => "exec",
        }
    }

    pub(crate) const fn operation(self) -> &'static str {
        match self {
            Self::Redis | Self::Nginx => "request",
            Self::Find => "file",
            Self::Compile => "compiler run",
            Self::ReadWrite => "call",
            Self::Execute => "program",
        }
    }

    /// Programs without which it cannot be done.
    pub(crate) const fn needs(self) -> &'static [&'static str] {
        match self {
            Self::Redis => &["redis-server", "redis-benchmark"],
            Self::Nginx => &["nginx", "wrk"],
            Self::Find => &["find"],
            Self::Compile => &["gcc"],
            Self::ReadWrite => &[],
            Self::Execute => &["true"],
        }
    }
}

/// Which of some programs cannot be found.
pub(crate) fn missing(programs: &[&'static str]) -> Vec<&'static str> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    programs
        .iter()
        .filter(|program| !std::env::split_paths(&path).any(|place| place.join(program).exists()))
        .copied()
        .collect()
}

/// Source files of the compile job, and functions in each.
const FILES: u32 = 30;
const FUNCTIONS: u32 = 60;
/// Requests of each kind that Redis gets in a run.
const REDIS_REQUESTS: u32 = 100_000;
/// For how long nginx gets requests, s.
const NGINX_SECONDS: u32 = 5;
/// Programs that are executed in a run.
const EXECUTIONS: u32 = 10_000;
/// Pairs of calls in a run of the tight loop.
const PAIRS: u32 = 1_000_000;
/// The tree that is searched.
const TREE: &str = "/usr";

/// Work that can be done again and again; servers run while it lives.
#[derive(Debug)]
pub(crate) struct Work<'a> {
    kind: Kind,
    group: &'a Group,
    /// What is done is divided by this.
    less: u32,
    room: tempfile::TempDir,
    port: u16,
    server: Option<Child>,
    files: u64,
}

impl<'a> Work<'a> {
    pub(crate) fn start(kind: Kind, group: &'a Group, less: u32) -> Result<Self> {
        let room = tempfile::tempdir()?;
        let mut work = Self {
            kind,
            group,
            less,
            room,
            port: 0,
            server: None,
            files: 0,
        };
        match kind {
            Kind::Redis => work.start_redis()?,
            Kind::Nginx => work.start_nginx()?,
            Kind::Find => {
                let output = Command::new("find").args([TREE, "-xdev"]).output()?;
                work.files = output.stdout.split(|byte| *byte == b'\n').count() as u64 - 1;
            }
            Kind::Compile => write_sources(work.room.path(), FILES / less)?,
            Kind::ReadWrite | Kind::Execute => {}
        }
        Ok(work)
    }

    fn start_redis(&mut self) -> Result<()> {
        self.port = free_port()?;
        let server = self
            .group
            .command("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &self.port.to_string()])
            .args(["--save", "", "--appendonly", "no", "--loglevel", "warning"])
            .arg("--dir")
            .arg(self.room.path())
            .stdout(Stdio::null())
            .spawn()?;
        self.server = Some(server);
        self.wait_for_server()
    }

    fn start_nginx(&mut self) -> Result<()> {
        self.port = free_port()?;
        let room = self.room.path().display();
        let mut text = String::new();
        writeln!(
            text,
            "daemon off; worker_processes 1; user root; pid {room}/pid; error_log stderr crit;\n\
             events {{ worker_connections 256; }}\n\
             http {{ access_log {room}/access.log; sendfile on;"
        )?;
        for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
            writeln!(text, "  {kind}_temp_path {room}/{kind};")?;
        }
        writeln!(
            text,
            "  server {{ listen 127.0.0.1:{}; root {room}/www; }}\n}}",
            self.port
        )?;
        let configuration = self.room.path().join("nginx.conf");
        fs::write(&configuration, text)?;
        fs::create_dir(self.room.path().join("www"))?;
        fs::write(self.room.path().join("www/index.html"), [b'x'; 1024])?;
        let server = self
            .group
            .command("nginx")
            .arg("-c")
            .arg(configuration)
            .stdout(Stdio::null())
            .spawn()?;
        self.server = Some(server);
        self.wait_for_server()
    }

    fn wait_for_server(&self) -> Result<()> {
        let begun = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            ensure!(
                begun.elapsed() < Duration::from_secs(10),
                "the server does not answer"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Does it once. How many operations that were.
    pub(crate) fn run(&self) -> Result<u64> {
        let port = self.port.to_string();
        let less = self.less;
        match self.kind {
            Kind::Redis => {
                let mut client = self.group.command("redis-benchmark");
                client.args(["-h", "127.0.0.1", "-p", &port, "-t", "set,get", "-q"]);
                let count = REDIS_REQUESTS / less;
                output(client.args(["-n", &count.to_string(), "-c", "50"]))?;
                Ok(2 * u64::from(count))
            }
            Kind::Nginx => {
                let mut client = self.group.command("wrk");
                let seconds = NGINX_SECONDS.div_ceil(less);
                client.args(["-t1", "-c32", &format!("-d{seconds}s")]);
                let text = output(client.arg(format!("http://127.0.0.1:{port}/")))?;
                text.lines()
                    .find_map(|line| line.trim().split_once(" requests in")?.0.parse().ok())
                    .context("wrk does not say how many requests there were")
            }
            Kind::Find => {
                // A size makes it look at each file.
                let mut find = self.group.command("find");
                output(find.args([TREE, "-xdev", "-size", "+1000000M"]))?;
                Ok(self.files)
            }
            Kind::Compile => {
                let mut shell = self.group.command("/bin/sh");
                shell.current_dir(self.room.path());
                output(shell.args([
                    "-c",
                    "for file in *.c; do gcc -O1 -c \"$file\" || exit 1; done",
                ]))?;
                Ok(u64::from(FILES / less))
            }
            Kind::ReadWrite => {
                let mut own = self.group.command(std::env::current_exe()?);
                let pairs = PAIRS / less;
                output(own.args(["--read-write", &pairs.to_string()]))?;
                Ok(2 * u64::from(pairs))
            }
            Kind::Execute => {
                let count = EXECUTIONS / less;
                let mut shell = self.group.command("/bin/sh");
                output(shell.args([
                    "-c",
                    "i=0; while [ $i -lt $0 ]; do /bin/true; i=$((i+1)); done",
                    &count.to_string(),
                ]))?;
                Ok(u64::from(count))
            }
        }
    }
}

impl Drop for Work<'_> {
    fn drop(&mut self) {
        let Some(server) = &mut self.server else {
            return;
        };
        // Asked to end, it ends its own workers too.
        if kill_process(Pid::from_child(server), Signal::TERM).is_err() || server.wait().is_err() {
            eprintln!("the server {} cannot be ended", server.id());
        }
    }
}

/// Runs to the end, and returns what is printed.
fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(
        output.status.success(),
        "{command:?} fails: {}",
        output.status
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

/// Writes C files that use headers as programs do.
fn write_sources(room: &Path, files: u32) -> Result<()> {
    for file in 0..files {
        let mut text = "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n".to_owned();
        for function in 0..FUNCTIONS {
            writeln!(
                text,
                "int f{file}_{function}(int n) {{\n  int sum = {function};\n  for (int i = 0; i < n; i++)\n    \
                 sum += i % {} ? i * sum : (int)strlen(\"{file}\") - i;\n  \
                 if (sum == {file}) printf(\"%d\\n\", sum);\n  return sum;\n}}",
                function + 2
            )?;
        }
        fs::write(room.join(format!("file{file}.c")), text)?;
    }
    Ok(())
}

/// The tight loop.
pub(crate) fn read_write(pairs: u32) -> Result<()> {
    let mut zero = File::open("/dev/zero")?;
    let mut null = File::create("/dev/null")?;
    let mut byte = [0];
    for _ in 0..pairs {
        zero.read_exact(&mut byte)?;
        null.write_all(&byte)?;
    }
    Ok(())
}
