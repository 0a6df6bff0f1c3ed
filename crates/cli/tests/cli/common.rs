//! Running the program, and what it is run on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// Runs the program to its end.
pub(crate) fn sysflow(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sysflow"))
        .args(arguments)
        .output()
        .unwrap()
}

/// A file of `examples/`.
pub(crate) fn example(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    root.join(name).to_str().unwrap().to_owned()
}

/// The bundled recording.
pub(crate) fn recording() -> String {
    example("web-intrusion.sf")
}

/// A capture of `../shared/data`, which is not part of this repository. Says that the test skips where it is not there.
pub(crate) fn capture(name: &str) -> Option<String> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/capture");
    let path = data.join(name);
    if !path.exists() {
        eprintln!("skipped: {} does not exist", path.display());
        return None;
    }
    Some(path.to_str().unwrap().to_owned())
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

pub(crate) fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

pub(crate) fn json_lines(bytes: &[u8]) -> Vec<Value> {
    text(bytes)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// A file in a directory that goes away with the returned guard.
pub(crate) fn scratch(name: &str, content: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    fs::write(&path, content).unwrap();
    (directory, path)
}

/// A file of rules, as [`scratch`].
pub(crate) fn rules(content: &str) -> (tempfile::TempDir, String) {
    let (directory, path) = scratch("rules.yaml", content.as_bytes());
    let path = path.to_str().unwrap().to_owned();
    (directory, path)
}
