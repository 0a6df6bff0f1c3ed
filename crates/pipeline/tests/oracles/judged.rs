//! Rules over a recording, held against the original's answer.

use std::collections::BTreeMap;
use std::path::Path;

use sysflow_pipeline::policies;
use sysflow_policy::LoadOptions;

use crate::{Found, judge};

/// What the original answers.
#[derive(Clone, Copy)]
pub(crate) struct Original {
    pub(crate) passed: u64,
    pub(crate) matches: u64,
    pub(crate) by_rule: &'static [(&'static str, u64)],
}

pub(crate) const fn original(
    passed: u64,
    matches: u64,
    by_rule: &'static [(&'static str, u64)],
) -> Original {
    Original {
        passed,
        matches,
        by_rule,
    }
}

/// Where we differ.
pub(crate) struct Difference {
    pub(crate) policy: &'static str,
    pub(crate) trace: &'static str,
    /// The records that pass with us.
    pub(crate) passed: u64,
    /// The matches of the rules that differ.
    pub(crate) by_rule: &'static [(&'static str, u64)],
    pub(crate) why: &'static str,
}

/// Asserts that the rules of a policy answer as the original's did, but for the differences.
#[track_caller]
pub(crate) fn check(
    folder: &Path,
    policy: &str,
    trace: &str,
    original: Original,
    differences: &[Difference],
) {
    let sum: u64 = original.by_rule.iter().map(|(_, matches)| matches).sum();
    assert_eq!(
        sum, original.matches,
        "the table is wrong: {policy}, {trace}"
    );
    let mut expected = Found {
        passed: original.passed,
        by_rule: BTreeMap::new(),
    };
    for (rule, matches) in original.by_rule {
        expected.by_rule.insert((*rule).to_owned(), *matches);
    }
    for difference in differences {
        if (difference.policy, difference.trace) != (policy, trace) {
            continue;
        }
        assert!(!difference.why.is_empty());
        expected.passed = difference.passed;
        for (rule, matches) in difference.by_rule {
            let before = expected.by_rule.insert((*rule).to_owned(), *matches);
            assert_ne!(before, Some(*matches), "no difference: {rule}, {trace}");
        }
    }
    expected.by_rule.retain(|_, matches| *matches > 0);
    let path = folder.join("sysflow-policies").join(policy);
    let rules = match policies::load(&[path], &LoadOptions::default()) {
        Ok((rules, _)) => rules,
        Err(error) => panic!("{error}"),
    };
    let found = judge(&rules, &folder.join(trace));
    assert_eq!(found, expected, "{policy} over {trace}");
}
