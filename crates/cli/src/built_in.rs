//! The rules that are used when none are named: those of `policies/`, as they were when the program was built.

use sysflow_policy::SourceFile;

macro_rules! built_in {
    ($name:literal) => {
        (
            concat!("(built-in) ", $name),
            include_str!(concat!("../../../policies/", $name)),
        )
    };
}

const FILES: &[(&str, &str)] = &[
    built_in!("command-and-control.yaml"),
    built_in!("common.yaml"),
    built_in!("credential-access.yaml"),
    built_in!("defense-evasion.yaml"),
    built_in!("discovery.yaml"),
    built_in!("execution.yaml"),
    built_in!("exfiltration.yaml"),
    built_in!("impact.yaml"),
    built_in!("initial-access.yaml"),
    built_in!("persistence.yaml"),
    built_in!("privilege-escalation.yaml"),
];

/// The built-in rule files.
pub fn files() -> Vec<SourceFile> {
    let file = |(name, text): &(&str, &str)| SourceFile {
        name: (*name).to_owned(),
        text: (*text).to_owned(),
    };
    FILES.iter().map(file).collect()
}

#[cfg(test)]
mod tests {
    use super::FILES;

    #[test]
    fn every_shipped_rule_file_is_built_in() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies");
        let shipped = std::fs::read_dir(folder).unwrap().filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let stem = name.strip_suffix(".yaml")?;
            (!stem.contains('.')).then(|| format!("(built-in) {name}"))
        });
        let mut shipped: Vec<String> = shipped.collect();
        shipped.sort();
        let known: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        assert_eq!(known, shipped);
    }
}
