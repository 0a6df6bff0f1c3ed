//! Names of flags: those of the tables, in full or in short.

use sysflow_scap::FlagSet;

use crate::value::Words;

/// Words for flags of opens that are not those of the kernel.
const OPEN_WORDS: [(&str, u32); 11] = [
    ("read", 1),
    ("write", 2),
    ("create", 4),
    ("append", 8),
    ("exclusive", 0x20),
    ("truncate", 0x100),
    ("directory", 0x400),
    ("close_on_exec", 0x1000),
    ("created", 0x4000),
    ("upper_layer", 0x8000),
    ("lower_layer", 0x1_0000),
];

/// Facts about an executable: see [`sysflow_event::flags::executable`].
const EXECUTABLE_WORDS: [(&str, u32); 4] = [
    ("writable", 1),
    ("upper_layer", 2),
    ("from_memory", 4),
    ("lower_layer", 8),
];

/// The value of flags of an open.
pub(crate) fn open(words: &Words) -> Result<u32, String> {
    all(words, "file_flags", "O_", &OPEN_WORDS)
}

/// The value of facts about an executable.
pub(crate) fn executable(words: &Words) -> Result<u32, String> {
    all(words, "execve_flags", "EXE_", &EXECUTABLE_WORDS)
}

/// The value of several flags of a set, whose names may be in full or without their prefix, in either case.
pub(crate) fn of_set(words: &Words, set: &str, prefix: &str) -> Result<u32, String> {
    all(words, set, prefix, &[])
}

/// The value of one name of a set.
pub(crate) fn one(word: &str, set: &str, prefix: &str) -> Result<u32, String> {
    value(word, set, prefix, &[])
}

fn all(words: &Words, set: &str, prefix: &str, own: &[(&str, u32)]) -> Result<u32, String> {
    let mut flags = 0;
    for word in &words.0 {
        flags |= value(word, set, prefix, own)?;
    }
    Ok(flags)
}

fn value(word: &str, set: &str, prefix: &str, own: &[(&str, u32)]) -> Result<u32, String> {
    if let Some((_, value)) = own.iter().find(|(name, _)| *name == word) {
        return Ok(*value);
    }
    let values = FlagSet::find(set).map_or(&[][..], |set| set.values);
    let capitals = word.to_uppercase();
    let long = format!("{prefix}{capitals}");
    let found = values
        .iter()
        .find(|(name, _)| *name == capitals || *name == long);
    if let Some((_, value)) = found {
        return Ok(*value);
    }
    if let Ok(number) = word.parse() {
        return Ok(number);
    }
    let mut known: Vec<&str> = own.iter().map(|(name, _)| *name).collect();
    known.extend(values.iter().map(|(name, _)| *name));
    Err(unknown("flag", word, &known))
}

/// A message about a word that is not one of those that may stand in its place.
pub(crate) fn unknown(what: &str, word: &str, known: &[&str]) -> String {
    let near = known
        .iter()
        .map(|name| {
            (
                strsim::jaro_winkler(&word.to_lowercase(), &name.to_lowercase()),
                name,
            )
        })
        .filter(|(likeness, _)| *likeness > 0.85)
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    match near {
        Some((_, name)) => format!("there is no {what} `{word}`: did you mean `{name}`?"),
        None => format!(
            "there is no {what} `{word}`: write one of {}",
            known.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Words {
        Words(text.split(' ').map(str::to_owned).collect())
    }

    #[test]
    fn flags_have_long_and_short_names() {
        assert_eq!(open(&words("write create")), Ok(6));
        assert_eq!(open(&words("O_WRONLY O_CREAT")), Ok(6));
        assert_eq!(of_set(&words("newns"), "clone_flags", "CLONE_"), Ok(0x20));
        assert_eq!(
            one("PTRACE_ATTACH", "ptrace_requests", "PTRACE_"),
            one("attach", "ptrace_requests", "PTRACE_")
        );
        let message = open(&words("writ")).unwrap_err();
        assert!(message.contains("did you mean `write`"), "{message}");
        let message = open(&words("zzz")).unwrap_err();
        assert!(message.contains("O_APPEND"), "{message}");
    }
}
