//! Compiles the BPF programs. They are position and kernel independent, and part of the library.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use libbpf_cargo::SkeletonBuilder;

/// Compilers, in the order in which they are looked for; `CLANG` comes before all.
const COMPILERS: [&str; 7] = [
    "clang", "clang-19", "clang-18", "clang-17", "clang-16", "clang-15", "clang-14",
];

fn main() {
    let programs = Path::new("../../bpf");
    println!("cargo::rerun-if-changed={}", programs.display());
    println!("cargo::rerun-if-env-changed=CLANG");

    let architecture = match env::var("CARGO_CFG_TARGET_ARCH").as_deref() {
        Ok("x86_64") => "x86",
        Ok("aarch64") => "arm64",
        other => panic!("there are no BPF programs for {other:?}"),
    };
    let object = env::var_os("OUT_DIR").map_or_else(PathBuf::new, PathBuf::from);
    let include = programs.join("include");
    let definition = format!("-D__TARGET_ARCH_{architecture}");
    let arguments = [
        OsStr::new("-mcpu=v3"),
        OsStr::new("-Wall"),
        OsStr::new("-Werror"),
        OsStr::new("-I"),
        include.as_os_str(),
        OsStr::new(&definition),
    ];
    let built = SkeletonBuilder::new()
        .source(programs.join("probes/sysflow.bpf.c"))
        .obj(object.join("sysflow.bpf.o"))
        .clang(compiler())
        .clang_args(arguments)
        .build();
    if let Err(error) = built {
        panic!("the BPF programs cannot be compiled: {error:?}");
    }
}

/// A compiler for BPF.
fn compiler() -> PathBuf {
    if let Some(given) = env::var_os("CLANG") {
        return given.into();
    }
    let found = COMPILERS
        .iter()
        .find(|name| Command::new(name).arg("--version").output().is_ok());
    let Some(name) = found else {
        panic!("clang is missing: run scripts/setup.sh, or name it in CLANG");
    };
    PathBuf::from(name)
}
