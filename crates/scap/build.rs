//! Turns the tables under `tables/` into Rust constants.
//!
//! Everything that can be looked up is resolved here, so that reading an event compares no text:
//! parameter names become small numbers, sets of flags and chains of upgrades become references.

#![allow(
    clippy::expect_used,
    reason = "a table that does not parse must stop the build, and says so best by panicking"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

/// One parameter of an event, as in the table.
struct Parameter {
    name: String,
    ty: String,
    format: char,
    set: Option<String>,
    relative_to: Option<u8>,
}

/// One event code, as in the table.
struct Event {
    label: String,
    name: String,
    enter: bool,
    source: String,
    category: String,
    letters: String,
    pair_letters: String,
    parameters: Vec<Parameter>,
}

/// Where an upgraded event takes a parameter from.
#[derive(Clone, Copy, PartialEq)]
enum Source {
    Own(u8),
    Enter(u8),
    EnterIfThere(u8),
    Default,
    Absent,
}

/// One step of an upgrade.
struct Step {
    becomes: Option<u16>,
    sources: Vec<Source>,
}

type Steps = BTreeMap<(u16, usize), Step>;

fn main() {
    let read = |file: &str| {
        let path = PathBuf::from("tables").join(file);
        println!("cargo::rerun-if-changed={}", path.display());
        fs::read_to_string(&path).expect("the table is part of the source")
    };
    println!("cargo::rerun-if-changed=build.rs");
    let events = parse_events(&read("events.txt"));
    let sets = parse_sets(&read("flags.txt"));
    let steps = parse_steps(&read("upgrades.txt"));
    let names = number_names(&events);

    let mut code = String::new();
    write_codes(&mut code, &events);
    write_names(&mut code, &names);
    write_sets(&mut code, &sets);
    write_events(&mut code, &events, &names, &sets, &steps);
    let target = PathBuf::from(env::var("OUT_DIR").expect("Cargo sets OUT_DIR"));
    fs::write(target.join("tables.rs"), code).expect("OUT_DIR can be written");
}

/// The lines of a table without comments and blank lines.
fn lines(table: &str) -> impl Iterator<Item = &str> {
    table
        .lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
}

fn parse_events(table: &str) -> Vec<Event> {
    let mut events = Vec::new();
    for line in lines(table) {
        let mut words = line.split(' ');
        let mut word = || {
            words
                .next()
                .expect("eight words stand before the parameters")
        };
        assert_eq!(
            word(),
            events.len().to_string(),
            "codes are in order without gaps"
        );
        events.push(Event {
            label: word().to_owned(),
            name: word().to_owned(),
            enter: word() == ">",
            source: word().to_owned(),
            category: word().to_owned(),
            letters: word().to_owned(),
            pair_letters: word().to_owned(),
            parameters: words.map(parse_parameter).collect(),
        });
    }
    events
}

fn parse_parameter(text: &str) -> Parameter {
    let mut parts = text.split(':');
    let mut part = || parts.next().expect("a parameter is name:type:format");
    let (name, ty, format) = (part(), part(), part());
    Parameter {
        name: name.to_owned(),
        ty: ty.to_owned(),
        format: format.chars().next().expect("a format is one character"),
        set: format.split_once('=').map(|(_, set)| set.to_owned()),
        relative_to: format
            .split_once('@')
            .map(|(_, index)| index.parse().expect("an index follows the @")),
    }
}

fn parse_sets(table: &str) -> BTreeMap<String, Vec<(String, u32)>> {
    let mut sets: BTreeMap<String, Vec<(String, u32)>> = BTreeMap::new();
    let mut current = String::new();
    for line in lines(table) {
        if !line.starts_with(' ') {
            line.clone_into(&mut current);
            continue;
        }
        for entry in line.split_whitespace() {
            let (name, value) = entry.split_once("=0x").expect("an entry is NAME=0xVALUE");
            let value = u32::from_str_radix(value, 16).expect("a value is hexadecimal");
            sets.entry(current.clone())
                .or_default()
                .push((name.to_owned(), value));
        }
    }
    sets
}

fn parse_steps(table: &str) -> Steps {
    let mut steps = Steps::new();
    for line in lines(table) {
        let mut words = line.split(' ');
        let mut word = || words.next().expect("a step is code, count and action");
        let number = |text: &str| text.parse::<u16>().expect("codes and counts are numbers");
        let (code, count) = (number(word()), number(word()));
        let becomes = (word() == "=").then(|| number(word()));
        let sources = words.map(parse_source).collect();
        let earlier = steps.insert((code, usize::from(count)), Step { becomes, sources });
        assert!(
            earlier.is_none(),
            "event {code} with {count} parameters has one step"
        );
    }
    steps
}

fn parse_source(word: &str) -> Source {
    let index = |text: &str| text.parse().expect("a source is -, *, N, eN or eN?");
    match (word, word.strip_prefix('e')) {
        ("-", _) => Source::Absent,
        ("*", _) => Source::Default,
        (_, Some(enter)) => match enter.strip_suffix('?') {
            Some(enter) => Source::EnterIfThere(index(enter)),
            None => Source::Enter(index(enter)),
        },
        (own, None) => Source::Own(index(own)),
    }
}

/// Follows the steps from an event with so many parameters to its present form.
fn follow(steps: &Steps, code: u16, count: usize) -> Option<(u16, Vec<Source>)> {
    let mut reached = code;
    let mut sources: Vec<Source> = (0..count).map(|index| Source::Own(index as u8)).collect();
    while let Some(step) = steps.get(&(reached, sources.len())) {
        let translate = |source: &Source| match *source {
            Source::Own(index) => sources[usize::from(index)],
            other => other,
        };
        let added: Vec<Source> = step.sources.iter().map(translate).collect();
        match step.becomes {
            Some(newer) => (reached, sources) = (newer, added),
            None => sources.extend(added),
        }
    }
    (reached != code || sources.len() != count).then_some((reached, sources))
}

/// Gives each parameter name a number, in alphabetical order.
fn number_names(events: &[Event]) -> BTreeMap<String, usize> {
    let mut names: BTreeMap<String, usize> = events
        .iter()
        .flat_map(|event| &event.parameters)
        .map(|parameter| (parameter.name.clone(), 0))
        .collect();
    names
        .values_mut()
        .enumerate()
        .for_each(|(index, number)| *number = index);
    assert!(names.len() <= 256, "a parameter name is kept in one byte");
    names
}

fn write_codes(code: &mut String, events: &[Event]) {
    code.push_str("#[allow(missing_docs, reason = \"the label says it all\")]\nimpl Code {\n");
    for (index, event) in events.iter().enumerate() {
        line(
            code,
            format_args!("    pub const {}: Self = Self({index});", event.label),
        );
    }
    code.push_str("}\n");
}

fn write_names(code: &mut String, names: &BTreeMap<String, usize>) {
    code.push_str("#[allow(missing_docs, reason = \"each is the name it stands for\")]\n");
    code.push_str("impl Name {\n");
    for (name, index) in names {
        // `ID` is the system call of a generic event, `id` an identifier: only these two clash.
        let constant = if name == "ID" {
            "SYSCALL_ID".to_owned()
        } else {
            name.to_uppercase()
        };
        line(
            code,
            format_args!("    pub const {constant}: Self = Self({index});"),
        );
    }
    code.push_str("}\n");
    let all: Vec<&String> = names.keys().collect();
    line(
        code,
        format_args!("static NAMES: [&str; {}] = {all:?};", all.len()),
    );
}

fn write_sets(code: &mut String, sets: &BTreeMap<String, Vec<(String, u32)>>) {
    line(
        code,
        format_args!("static FLAG_SETS: [FlagSet; {}] = [", sets.len()),
    );
    for (name, values) in sets {
        line(
            code,
            format_args!("    FlagSet {{ name: {name:?}, values: &["),
        );
        for (name, value) in values {
            let (high, low) = (value >> 16, value & 0xffff);
            line(
                code,
                format_args!("        ({name:?}, 0x{high:04x}_{low:04x}),"),
            );
        }
        code.push_str("    ] },\n");
    }
    code.push_str("];\n");
}

fn write_events(
    code: &mut String,
    events: &[Event],
    names: &BTreeMap<String, usize>,
    sets: &BTreeMap<String, Vec<(String, u32)>>,
    steps: &Steps,
) {
    line(
        code,
        format_args!("static EVENTS: [EventInfo; {}] = [", events.len()),
    );
    for (index, event) in events.iter().enumerate() {
        let numbers: Vec<usize> = event
            .parameters
            .iter()
            .map(|parameter| names[&parameter.name])
            .collect();
        line(
            code,
            format_args!(
                "    EventInfo {{ code: Code({index}), label: {:?},",
                event.label
            ),
        );
        let name = if event.name == "-" { "" } else { &event.name };
        let direction = if event.enter { "Enter" } else { "Exit" };
        line(
            code,
            format_args!("      name: {name:?}, direction: Direction::{direction},"),
        );
        line(
            code,
            format_args!("      origin: Origin::{},", camel(&event.source)),
        );
        line(
            code,
            format_args!("      category: Category::{},", camel(&event.category)),
        );
        for (field, letters) in [
            ("flags", &event.letters),
            ("flags_two_event", &event.pair_letters),
        ] {
            let bits = flag_bits(letters);
            line(
                code,
                format_args!("      {field}: EventFlags::from_bits_retain({bits}),"),
            );
        }
        line(
            code,
            format_args!("      wide_lengths: {},", event.letters.contains('L')),
        );
        line(
            code,
            format_args!("      names: &{numbers:?}, parameters: &["),
        );
        for parameter in &event.parameters {
            write_parameter(code, parameter, names, sets);
        }
        code.push_str("      ], upgrades: &[\n");
        for count in 0..=event.parameters.len() {
            if let Some((reached, sources)) = follow(steps, index as u16, count) {
                let present = &events[usize::from(reached)];
                write_upgrade(code, event, count, reached, present, &sources);
            }
        }
        code.push_str("      ] },\n");
    }
    code.push_str("];\n");
}

fn write_parameter(
    code: &mut String,
    parameter: &Parameter,
    names: &BTreeMap<String, usize>,
    sets: &BTreeMap<String, Vec<(String, u32)>>,
) {
    let number = names[&parameter.name];
    let ty = type_name(&parameter.ty);
    let format = match parameter.format {
        'd' => "Decimal",
        'x' => "Hexadecimal",
        'o' => "Octal",
        '-' => "Plain",
        other => panic!("unknown format {other}"),
    };
    let (mut set, mut choice) = ("None".to_owned(), "None".to_owned());
    match (&parameter.set, parameter.ty.as_str()) {
        (Some(group), "dyn") => choice = format!("Some(Choice::{})", camel(group)),
        (Some(name), _) => {
            let position = sets
                .keys()
                .position(|key| key == name)
                .expect("the set is in flags.txt");
            set = format!("Some(&FLAG_SETS[{position}])");
        }
        (None, _) => {}
    }
    let relative_to = parameter.relative_to;
    line(
        code,
        format_args!("        ParameterInfo {{ name: Name({number}), ty: {ty},"),
    );
    line(
        code,
        format_args!("          format: Format::{format}, flag_set: {set},"),
    );
    line(
        code,
        format_args!("          choice: {choice}, relative_to: {relative_to:?} }},"),
    );
}

fn write_upgrade(
    code: &mut String,
    event: &Event,
    count: usize,
    reached: u16,
    present: &Event,
    sources: &[Source],
) {
    line(
        code,
        format_args!("        Upgrade {{ count: {count}, code: Code({reached}), sources: &["),
    );
    for (target, source) in present.parameters.iter().zip(sources) {
        let text = match *source {
            Source::Absent => "Absent".to_owned(),
            Source::Default => "Default".to_owned(),
            Source::Enter(index) => format!("Enter({index})"),
            Source::EnterIfThere(index) => format!("EnterIfThere({index})"),
            // A value that was one of several types became a value of one type.
            Source::Own(index)
                if event.parameters[usize::from(index)].ty == "dyn" && target.ty != "dyn" =>
            {
                format!("OwnSelected({index})")
            }
            Source::Own(index) => format!("Own({index})"),
        };
        line(code, format_args!("          Source::{text},"));
    }
    assert!(
        sources.len() <= present.parameters.len(),
        "{} has more sources",
        event.label
    );
    code.push_str("        ] },\n");
}

/// The bits of `EventFlags`, in the order of the letters in the table's head.
fn flag_bits(letters: &str) -> u16 {
    const LETTERS: &str = "CDURWMTSLOXV";
    letters
        .chars()
        .filter(|&letter| letter != '-')
        .map(|letter| {
            1 << LETTERS
                .find(letter)
                .expect("the letter is in the table's head")
        })
        .sum()
}

fn type_name(short: &str) -> String {
    let name = match short {
        "fd" => "Descriptor",
        "fd32" => "Descriptor32",
        "pid" => "Process",
        "pid32" => "Process32",
        "uid" => "User",
        "gid" => "Group",
        "relpath" => "RelativePath",
        "sockaddr" => "SocketAddress",
        "socktuple" => "SocketTuple",
        "fdlist" => "DescriptorList",
        "syscall" => "SystemCall",
        "sigset" => "SignalSet",
        "reltime" => "RelativeTime",
        "abstime" => "AbsoluteTime",
        "dyn" => "Dynamic",
        "texts" => "TextArray",
        "pairs" => "TextPairArray",
        "ipv4" => "Ipv4Address",
        "ipv6" => "Ipv6Address",
        other => return format!("ParameterType::{}", camel(other)),
    };
    format!("ParameterType::{name}")
}

/// `io_other` as `IoOther`.
fn camel(text: &str) -> String {
    text.split('_')
        .map(|part| part[..1].to_uppercase() + &part[1..])
        .collect()
}

fn line(code: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(code, "{text}").expect("writing to a String cannot fail");
}
