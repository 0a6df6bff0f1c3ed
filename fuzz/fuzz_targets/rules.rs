//! Rule files: the first byte is `F` for the dialect of Falco, `S` for that of SysFlow; anything else leaves the
//! choice to the loader.

#![no_main]

use std::hint::black_box;

use libfuzzer_sys::fuzz_target;
use sysflow_fuzz::each_record;
use sysflow_policy::{
    AppendOutput, Condition, Dialect, Evaluator, LoadOptions, RuleId, RuleSet, SourceFile,
};
use sysflow_record::entity::{Joined, Tables};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (dialect, text) = match text.split_at_checked(1) {
        Some(("F", rest)) => (Some(Dialect::Falco), rest),
        Some(("S", rest)) => (Some(Dialect::SysFlow), rest),
        _ => (None, text),
    };
    let file = SourceFile {
        name: "rules.yaml".into(),
        text: text.into(),
    };
    let options = LoadOptions {
        dialect,
        explain: true,
        static_fields: vec![("name".into(), "value".into())],
        append_output: vec![AppendOutput {
            extra_output: Some("also %proc.name".into()),
            suggested_output: true,
            ..AppendOutput::default()
        }],
        ..LoadOptions::default()
    };
    let (rules, diagnostics) = RuleSet::<Joined<'_>>::load(vec![file], &options);
    black_box(diagnostics.render(false, 100));
    black_box(diagnostics.to_json());
    black_box(diagnostics.hints().render(false, 100));
    black_box(diagnostics.falco_json());
    if let Some(condition) = text.lines().next() {
        for dialect in [Dialect::Falco, Dialect::SysFlow] {
            let _ = black_box(Condition::<Joined<'_>>::parse_in(condition, dialect));
        }
    }
    let mut tables = Tables::default();
    let mut evaluator = Evaluator::new();
    each_record(|record| {
        let joined = tables.join_all(record);
        evaluator.rules(&rules, &joined, |id, rule| {
            if let Some(output) = &rule.output {
                let mut text = String::new();
                output.render(&joined, &mut text);
                black_box(text);
            }
            black_box((id, rule));
        });
        if let Some(explanation) = rules.explain(RuleId(0), &mut evaluator, &joined) {
            black_box(explanation.to_string());
        }
        black_box(evaluator.counted_rule(&rules, RuleId(0), &joined));
    });
});
