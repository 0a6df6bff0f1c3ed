//! Writes a corpus to begin with: small files of our own making, one folder for each target.
//!
//! Usage: `seeds FOLDER`

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sysflow_fuzz::each_record;
use sysflow_record::Record;
use sysflow_record::container::{Codec, WriteOptions, Writer};
use sysflow_record::model::{Header, schema_json};

const VERSIONS: [u32; 6] = [1, 2, 3, 4, 5, 100];

/// In the dialect of Falco; the first byte of an input says which.
const FALCO_RULES: &str = r#"F- list: shells
  items: [bash, sh]
- macro: spawned
  condition: evt.type in (execve, execveat)
- rule: A shell was started
  desc: Example.
  condition: spawned and proc.name in (shells) and not proc.cmdline contains "-c"
  output: "shell %proc.exe of %proc.pname[1]"
  priority: WARNING
  tags: [mitre_execution]
  exceptions:
    - name: known
      fields: [proc.name, proc.pname]
      comps: [=, startswith]
      values: [[sh, systemd]]
- rule: A shell was started
  append: true
  condition: or (fd.name glob /etc/* and evt.arg.flags icontains O_WRONLY)
"#;

/// In the dialect of the original's processor.
const SYSFLOW_RULES: &str = r#"S- list: shells
  items: [/bin/bash, /bin/sh]
- macro: spawned
  condition: sf.opflags = EXEC
- filter: noise
  condition: sf.container.name startswith "quiet"
- rule: A shell was started
  desc: Example.
  condition: spawned and sf.proc.exe in (shells) and sf.proc.args pmatch (id, whoami)
             and (sf.net.dport >= 1024 or not sf.proc.tty = true or sf.file.path exists)
  action: [alert]
  priority: high
  tags: [mitre:T1059]
  prefilter: [PE, FF]
"#;

/// A rule, a correlation and a filter of Sigma.
const SIGMA_RULES: &str = r"title: A shell was started
id: 6c4a4e4c-0000-4000-8000-000000000000
name: shell
logsource: {product: linux, category: process_creation}
detection:
  selection:
    Image|endswith: [/sh, '*bash']
    ProcessId|gt: 3
  words: [curl, wget]
  filter_one:
    - ParentImage|base64offset|contains: http
    - CommandLine|windash|contains: ' -x'
    - CommandLine|re|i: a+b
  condition: selection and (1 of words or not all of filter_*)
level: high
---
title: Many shells
correlation:
  type: value_count
  rules: [shell]
  group-by: [User]
  timespan: 5m
  condition: {field: ProcessId, gte: 3}
---
title: Known shells
logsource: {product: linux}
filter:
  rules: [any]
  known: {User: root}
  condition: not known
";

fn main() -> io::Result<()> {
    let root = PathBuf::from(
        std::env::args()
            .nth(1)
            .unwrap_or_else(|| "corpus".to_owned()),
    );
    containers(&root.join("container"))?;
    datums(&root.join("datum"))?;
    messages(&root.join("message"))?;
    save(&root.join("rules"), "falco", FALCO_RULES.as_bytes())?;
    save(&root.join("rules"), "sysflow", SYSFLOW_RULES.as_bytes())?;
    save(&root.join("sigma"), "rules", SIGMA_RULES.as_bytes())?;
    let mapping = "Mtitle: M\nfieldmappings:\n  Image: {field: sf.proc.exe, suffix: /}\n  User: [user.name]\n";
    let mapped = format!("{mapping}\0{SIGMA_RULES}");
    save(&root.join("sigma"), "mapping", mapped.as_bytes())
}

fn save(folder: &Path, name: &str, data: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join(name), data)
}

/// Every schema version with every codec, and one concatenated file.
fn containers(folder: &Path) -> io::Result<()> {
    let codecs = [Codec::Null, Codec::CLASSIC, Codec::Snappy, Codec::Zstandard];
    let mut concatenated = Vec::new();
    for (version, codec) in VERSIONS
        .into_iter()
        .flat_map(|version| codecs.map(|codec| (version, codec)))
    {
        let options = WriteOptions {
            version,
            codec,
            block_size: 200,
            sync: Some([0xa5; 16]),
        };
        let mut writer = Writer::new(Vec::new(), options)?;
        each_record(|record| {
            // Older versions lack some kinds.
            let _ = writer.write(record);
        });
        let file = writer.finish()?;
        if codec == Codec::Snappy && version >= 5 {
            concatenated.extend_from_slice(&file);
        }
        save(folder, &format!("{version}-{codec}"), &file)?;
    }
    save(folder, "concatenated", &concatenated)
}

fn datums(folder: &Path) -> io::Result<()> {
    for version in VERSIONS {
        let mut result = Ok(());
        let mut all = Vec::new();
        each_record(|record| {
            let mut datum = Vec::new();
            if !record.write(version, &mut datum) || result.is_err() {
                return;
            }
            all.extend_from_slice(&datum);
            let choice = match version {
                5 => 0,
                100 => 1,
                _ => return,
            };
            let name = format!("{version}-{}", record.kind().code());
            result = save(folder, &name, &[&[choice], &datum[..]].concat());
        });
        result?;
        let schema = schema_json(version);
        let length = u16::try_from(schema.len()).map_err(io::Error::other)?;
        let parts: [&[u8]; 4] = [&[2], &length.to_le_bytes(), schema.as_bytes(), &all];
        save(folder, &format!("{version}-schema"), &parts.concat())?;
    }
    Ok(())
}

fn messages(folder: &Path) -> io::Result<()> {
    for version in [4, 5, 100] {
        let mut stream = Vec::new();
        each_record(|record| {
            let record = match record {
                Record::Header(header) => Record::Header(Header {
                    version: i64::from(version),
                    ..*header
                }),
                other => *other,
            };
            let mut datum = Vec::new();
            let length = u16::try_from({
                record.write(version, &mut datum);
                datum.len()
            });
            if let Ok(length) = length {
                stream.extend_from_slice(&length.to_le_bytes());
                stream.extend_from_slice(&datum);
            }
        });
        save(folder, &format!("{version}-stream"), &stream)?;
    }
    Ok(())
}
