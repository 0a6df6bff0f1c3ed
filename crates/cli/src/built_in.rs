//! The rules that are used when none are named.

use sysflow_policy::SourceFile;

const FILES: &[(&str, &str)] = &[(
    "(built-in) web-intrusion.yaml",
    include_str!("../../../examples/web-intrusion.yaml"),
)];

/// The rules that are used when none are named.
pub fn rules() -> Vec<SourceFile> {
    let file = |(name, text): &(&str, &str)| SourceFile {
        name: (*name).to_owned(),
        text: (*text).to_owned(),
    };
    FILES.iter().map(file).collect()
}
