//! A real container: its records carry its id and its name.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::program::{
    Watching, can_watch, eventually, files, has_program, records, scratch, share, text,
};

/// A root file system of one program, and what is to be run in it.
fn bundle(directory: &Path, busybox: &[PathBuf], command: &str) {
    let root = directory.join("rootfs");
    for name in ["bin", "proc", "tmp"] {
        fs::create_dir_all(root.join(name)).unwrap();
    }
    fs::copy(&busybox[0], root.join("bin/busybox")).unwrap();
    for library in &busybox[1..] {
        let place = root.join(library.strip_prefix("/").unwrap());
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::copy(library, place).unwrap();
    }
    for name in ["sh", "cat", "sleep", "touch"] {
        symlink("busybox", root.join("bin").join(name)).unwrap();
    }
    let made = Command::new("runc")
        .arg("spec")
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    let path = directory.join("config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    config["process"]["terminal"] = json!(false);
    config["process"]["args"] = json!(["sh", "-c", command]);
    config["root"]["readonly"] = json!(false);
    fs::write(path, config.to_string()).unwrap();
}

/// Busybox and the libraries that it needs, if there is one.
fn busybox() -> Option<Vec<PathBuf>> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths)
        .map(|path| path.join("busybox"))
        .find(|path| path.is_file());
    let Some(found) = found else {
        eprintln!("skipped: there is no busybox");
        return None;
    };
    // Of a static one it says so on the other output.
    let listed = Command::new("ldd")
        .arg(&found)
        .output()
        .map(|output| text(&output.stdout));
    let listed = listed.unwrap_or_default();
    let libraries = listed
        .split_whitespace()
        .filter(|word| word.starts_with('/'));
    Some(
        std::iter::once(found)
            .chain(libraries.map(PathBuf::from))
            .collect(),
    )
}

/// A container that goes with the guard.
struct Running(String);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = Command::new("runc")
            .args(["delete", "--force", &self.0])
            .output();
    }
}

#[test]
fn a_container_has_its_id_and_its_name() {
    if !can_watch() || !has_program("runc") {
        return;
    }
    let Some(busybox) = busybox() else {
        return;
    };
    let _share = share();
    let directory = scratch();
    // Ids of containers are 64 digits, of which 12 name them; this one is of this process.
    let id = format!("{:012x}{:052x}", std::process::id(), 0x5afe_u32);
    let started = directory.path().join("bundle");
    fs::create_dir(&started).unwrap();
    bundle(&started, &busybox, "sleep 3; touch /tmp/inside; sleep 1");
    let output = directory.path().join("out");
    let watching = Watching::start(&["record", "-o", output.to_str().unwrap()]);
    let running = Running(id.clone());
    // Its outputs go nowhere: who waits for them would wait for the container.
    let mut run = Command::new("runc")
        .args(["run", &id])
        .current_dir(&started)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let inside = started.join("rootfs/tmp/inside");
    eventually("the container does its work", || inside.exists());
    let status = run.wait().unwrap();
    assert!(status.success(), "runc: {status}");
    drop(running);
    watching.stop();

    let file = &files(&output, ".sf")[0];
    let touched = records(file, "file.path = /tmp/inside");
    assert!(!touched.is_empty(), "what the container did is not there");
    for record in &touched {
        let container = &record["container"];
        assert_eq!(container["id"], id[..12], "{record}");
        // Runtimes without a registry of names have but ids.
        assert_eq!(container["name"], id, "{record}");
        assert_eq!(
            record["proc"]["entry"], false,
            "touch is not the first process"
        );
    }
    let first = records(
        file,
        &format!("container.id = {} and proc.args contains inside", &id[..12]),
    );
    assert!(first.iter().any(|record| record["proc"]["entry"] == true));
    // The machine itself is in none.
    let outside = records(file, &format!("proc.pid = {}", run.id()));
    assert!(!outside.is_empty());
    for record in &outside {
        assert_eq!(record["container"]["id"], "", "{record}");
    }
}
