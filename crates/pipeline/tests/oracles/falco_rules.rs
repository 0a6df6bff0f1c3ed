//! The rules that Falco publishes, as far as records can judge them.

use std::fs;

use sysflow_pipeline::policies;
use sysflow_policy::{Code, LoadOptions};

use crate::data;

/// A file, how many rules it has, and those among them that need more than records hold.
const FILES: [(&str, usize, &[&str]); 3] = [
    (
        "falco_rules.yaml",
        25,
        &[
            "Directory traversal monitored file read",
            "Contact K8S API Server From Container",
            "Packet socket created in container",
            "PTRACE attached to process",
            "PTRACE anti-debug attempt",
            "Disallowed SSH Connection Non Standard Port",
        ],
    ),
    (
        "falco-incubating_rules.yaml",
        31,
        &[
            "Contact EC2 Instance Metadata Service From Container",
            "Contact cloud metadata service from container",
            "Set Setuid or Setgid bit",
            "Network Connection outside Local Subnet",
            "BPF Program Not Profiled",
        ],
    ),
    (
        "falco-sandbox_rules.yaml",
        37,
        &[
            "Unexpected inbound connection source",
            "Interpreted procs inbound network activity",
            "Interpreted procs outbound network activity",
            "Detect outbound connections to common miner pool ports",
            "Container Drift Detected (chmod)",
            "Container Drift Detected (open+create)",
            "Java Process Class File Download",
            "Basic Interactive Reconnaissance",
        ],
    ),
];

/// Every field that they use, in conditions and outputs, is answered or is said to be beyond records: none
/// is taken for a misspelling.
#[test]
fn fields_are_known() {
    let Some(data) = data() else {
        return;
    };
    for (file, all, beyond) in FILES {
        let path = data.join("falco-rules").join(file);
        let text = fs::read_to_string(&path).unwrap();
        let (rules, problems) = policies::load(&[path], &LoadOptions::default()).unwrap();
        for problem in problems.iter() {
            let is_unknown = matches!(
                problem.code,
                Code::UnknownField | Code::UnknownToken | Code::BadArgument
            );
            assert!(!is_unknown, "{file}: {problem:?}");
        }
        for problem in problems.only_errors().iter() {
            assert_eq!(problem.code, Code::ForeignField, "{file}: {problem:?}");
        }
        assert_eq!(rules.counts().rules, all, "{file}");
        let names = text
            .lines()
            .filter_map(|line| line.strip_prefix("- rule: "));
        let left_out: Vec<&str> = names
            .filter(|name| rules.rules().iter().all(|rule| rule.name != name.trim()))
            .collect();
        assert_eq!(left_out, beyond, "{file}");
    }
}
