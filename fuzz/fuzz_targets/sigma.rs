//! Sigma rules, and the mapping of their names: the first byte is `M` for a mapping, which a rule that uses it
//! stands behind, after a zero byte; anything else is a file of rules.

#![no_main]

use std::hint::black_box;

use libfuzzer_sys::fuzz_target;
use sysflow_fuzz::each_record;
use sysflow_policy::{Dialect, Evaluator, LoadOptions, RuleSet, SourceFile};
use sysflow_record::entity::{Joined, Tables};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (mapping, text) = match text.strip_prefix('M').and_then(|rest| rest.split_once('\0')) {
        Some((mapping, text)) => (Some(mapping), text),
        None => (None, text),
    };
    let file = |name: &str, text: &str| SourceFile {
        name: name.into(),
        text: text.into(),
    };
    let options = LoadOptions {
        dialect: Some(Dialect::Sigma),
        sigma_mapping: mapping.map(|text| file("mapping.yaml", text)),
        ..LoadOptions::default()
    };
    let (rules, diagnostics) =
        RuleSet::<Joined<'_>>::load(vec![file("rule.yml", text)], &options);
    black_box(diagnostics.render(false, 100));
    let mut tables = Tables::default();
    let mut evaluator = Evaluator::new();
    each_record(|record| {
        let joined = tables.join_all(record);
        evaluator.rules(&rules, &joined, |id, rule| {
            black_box((id, rule));
        });
    });
});
