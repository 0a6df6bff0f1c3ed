//! Corners of rule files, and what Falco says of them.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::fmt::Write as _;

use sysflow_collect::EventView;
use sysflow_policy::{Dialect, LoadOptions, RuleSet, SourceFile};

/// What Falco says of a file, in short: `ok` or the code of the error, then those of the warnings.
fn verdict(text: &str) -> String {
    let file = SourceFile {
        name: "rules.yaml".into(),
        text: text.into(),
    };
    let options = LoadOptions {
        dialect: Some(Dialect::Falco),
        ..LoadOptions::default()
    };
    let (_, problems) = RuleSet::<EventView<'static>>::load(vec![file], &options);
    let result = problems.falco_result();
    let mut verdict = match &result.error {
        Some((code, _)) => code.name().trim_start_matches("LOAD_ERR_").to_owned(),
        None => "ok".to_owned(),
    };
    let warnings = result.warnings.iter();
    let mut warnings: Vec<&str> = warnings
        .map(|(code, _)| code.name().trim_start_matches("LOAD_"))
        .collect();
    warnings.sort_unstable();
    warnings.dedup();
    for warning in warnings {
        // Writing to a string cannot fail.
        let _ = write!(verdict, " {warning}");
    }
    verdict
}

fn rule(name: &str, condition: &str, more: &str) -> String {
    format!(
        "- rule: {name}\n  desc: d\n  condition: >\n    {condition}\n  output: o\n  priority: INFO\n{more}"
    )
}

/// A group of cases with what they show, then each with its verdict.
type Group<'c> = (&'c str, &'c [(&'c str, &'c str)]);

#[track_caller]
fn hold(groups: &[Group<'_>], file: impl Fn(&str) -> String) {
    let mut wrong = Vec::new();
    for (reason, cases) in groups {
        for (case, wanted) in *cases {
            let got = verdict(&file(case));
            if got != *wanted {
                wrong.push(format!("{case}: {got}, not {wanted} ({reason})"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const COMPILE: &str = "COMPILE_CONDITION";
const HINTED: &str = "ok COMPILE_CONDITION";
const VALIDATE: &str = "VALIDATE";

#[test]
fn conditions_compile_as_in_falco() {
    let groups: &[Group<'_>] = &[
        (
            "a name is a letter, then letters, digits and underscores",
            &[
                ("nosuch", VALIDATE),
                ("foo.bar", COMPILE),
                ("5x", COMPILE),
                ("_m", COMPILE),
                ("*", COMPILE),
                ("m-1", COMPILE),
                ("é", COMPILE),
            ],
        ),
        (
            "ports are cut to 16 bits; with a sign they are names of services",
            &[
                ("fd.sport=65536", "ok"),
                ("fd.sport in (80, 99999)", "ok"),
                ("fd.sport=\"\"", "ok"),
                ("fd.sport=99999999999", COMPILE),
                ("fd.sport=+80", COMPILE),
                ("fd.sport=-1", COMPILE),
            ],
        ),
        (
            "only fields of exactly the same type are compared",
            &[
                ("fd.num=len(proc.name)", COMPILE),
                ("proc.pid>len(proc.name)", COMPILE),
                ("user.uid=val(proc.pid)", COMPILE),
                ("user.loginuid=val(user.uid)", COMPILE),
                ("proc.duration=val(evt.num)", COMPILE),
                ("fd.sport=val(proc.pid)", COMPILE),
                ("evt.buffer=val(proc.name)", COMPILE),
                ("fd.num=val(proc.pid)", "ok"),
                ("evt.num=len(proc.name)", "ok"),
                ("fd.sport=val(fd.cport)", "ok"),
                ("proc.name=val(proc.exepath)", "ok"),
            ],
        ),
        (
            "some fields stand beside no other, nor in transformers",
            &[
                ("proc.aname[2]=val(proc.name)", COMPILE),
                ("proc.apid[1]=val(proc.pid)", COMPILE),
                ("fd.ip=val(fd.sip)", COMPILE),
                ("fd.port=val(fd.sport)", COMPILE),
                ("evt.rawarg.fd=val(fd.num)", COMPILE),
                ("tolower(evt.rawarg.name)=a", COMPILE),
                ("proc.name=val(proc.aenv)", COMPILE),
            ],
        ),
        (
            "the values of a list are one whole",
            &[
                ("proc.name in val(fd.types)", COMPILE),
                ("fd.types in val(fd.types)", COMPILE),
                ("fd.types = file", COMPILE),
                ("fd.types contains file", COMPILE),
                ("fd.types in (file, ipv4)", "ok"),
                ("fd.types intersects (file)", "ok"),
                ("len(fd.types)=1", "ok"),
            ],
        ),
        (
            "arguments in brackets",
            &[
                ("proc.env[A[1]]=a", COMPILE),
                ("proc.env[\"A[1]\"]=a", "ok"),
                ("evt.rawarg[0]=1", COMPILE),
                ("evt.abspath[0] exists", COMPILE),
                ("evt.abspath.src exists", "ok"),
                ("evt.arg[0]=a", "ok"),
            ],
        ),
        (
            "numbers have an exponent with a sign, and need no blank behind them",
            &[
                ("proc.name < 1e5", COMPILE),
                ("proc.name < 1e+5", "ok"),
                ("proc.name < 5.", "ok"),
                ("fd.num>5and proc.name=a", "ok"),
                ("fd.num>5x", COMPILE),
            ],
        ),
        (
            "whatever is no sign is a value or the name of a macro",
            &[
                ("proc.name = and", "ok"),
                ("proc.name contains or", "ok"),
                ("proc.name = and and fd.num=1", "ok"),
                ("proc.name = and fd.num=1", COMPILE),
                ("and", VALIDATE),
                ("exists", VALIDATE),
                ("exists a", COMPILE),
            ],
        ),
        (
            "blanks before parentheses and quotes",
            &[
                ("tolower (proc.name)=a", COMPILE),
                ("proc.name = val (proc.pname)", COMPILE),
                ("proc.name startswith\"a\"", COMPILE),
                ("proc.name startswith \"a\"", "ok"),
                ("proc.name=\"a\"", "ok"),
            ],
        ),
        (
            "addresses",
            &[
                ("fd.sip=::ffff:1.2.3.4", COMPILE),
                ("fd.sip=\"\"", COMPILE),
                ("fd.sip=::1", "ok"),
            ],
        ),
        (
            "texts that look like fields or transformers, whatever stands in these",
            &[
                ("proc.name=\"val(x)\"", HINTED),
                ("proc.name=\"tolower()\"", HINTED),
                ("proc.name=\" proc . pname \"", HINTED),
                ("proc.name=proc.pname and foo.bar=1", COMPILE),
            ],
        ),
        (
            "fields that are given up",
            &[
                ("evt.latency>5", "ok DEPRECATED_ITEM"),
                ("evt.latency.human exists", "ok DEPRECATED_ITEM"),
                ("evt.wait_latency>5", "ok DEPRECATED_ITEM"),
                ("evt.latency.quantized>5", "ok"),
                ("tolower(evt.dir)=a", "ok DEPRECATED_ITEM"),
                ("evt.dir=< and nosuch", VALIDATE),
                (
                    "evt.dir=< and foo.bar=1",
                    "COMPILE_CONDITION DEPRECATED_ITEM",
                ),
            ],
        ),
    ];
    hold(groups, |condition| {
        rule("r", &format!("evt.type=open and {condition}"), "")
    });
}

#[test]
fn types_of_events_are_seen_as_in_falco() {
    let all = "ok NO_EVTTYPE";
    let groups: &[Group<'_>] = &[
        (
            "neither words for how many nor `intersects` tell the types",
            &[
                ("evt.type in (open, close)", "ok"),
                ("evt.type = anyof (open, close)", all),
                ("evt.type = allof (open)", all),
                ("evt.type intersects (open)", all),
            ],
        ),
        (
            "the types are names under any operator",
            &[
                ("evt.type contains open", all),
                ("evt.type contains ope", COMPILE),
                ("evt.type glob open*", COMPILE),
                ("evt.type regex \"open.*\"", COMPILE),
                ("evt.type endswith at", COMPILE),
                ("evt.type startswith anyof (open, clo)", COMPILE),
                ("evt.type>5", COMPILE),
            ],
        ),
        (
            "words alone",
            &[("or", VALIDATE), ("not", VALIDATE), ("5", COMPILE)],
        ),
    ];
    hold(groups, |condition| rule("r", condition, ""));
}

#[test]
fn unknown_things_are_skipped_as_in_falco() {
    let skipped = "ok UNKNOWN_FILTER";
    let groups: &[Group<'_>] = &[(
        "arguments that no event has are not unknown fields",
        &[
            ("evt.type=nosuch", skipped),
            ("proc.name[1]=a", skipped),
            ("evt.arg.nosuch=a", COMPILE),
            ("evt.arg=a", COMPILE),
            ("proc.name=proc.pname and foo.bar=1", skipped),
        ],
    )];
    let skipping = "  skip-if-unknown-filter: true\n";
    hold(groups, |condition| rule("r", condition, skipping));
    let outputs: &[Group<'_>] = &[(
        "nothing unknown stands at the end of an output",
        &[
            ("%foo.bar", "ok UNKNOWN_FILTER UNUSED_LIST"),
            ("50%% x", "ok UNKNOWN_FILTER UNUSED_LIST"),
            ("x %10", "COMPILE_OUTPUT"),
            ("x %", "COMPILE_OUTPUT"),
        ],
    )];
    hold(outputs, |output| {
        format!(
            "- list: l\n  items: [open]\n- rule: r\n  desc: d\n  condition: evt.type in (l)\n  output: \"{output}\"\n  \
             priority: INFO\n{skipping}"
        )
    });
}

#[test]
fn outputs_are_taken_as_in_falco() {
    let deprecated = "ok DEPRECATED_ITEM";
    let groups: &[Group<'_>] = &[
        (
            "fields of plugins that are not loaded",
            &[("%ka.verb", "COMPILE_OUTPUT")],
        ),
        (
            "fields that are given up are looked for in the text",
            &[
                ("%evt.dir", deprecated),
                ("see evt.dir", deprecated),
                ("%evt.latency", deprecated),
                ("%container.information", deprecated),
                ("%evt.type", "ok"),
            ],
        ),
    ];
    hold(groups, |output| {
        format!(
            "- rule: r\n  desc: d\n  condition: evt.type=open\n  output: \"o {output}\"\n  priority: INFO\n"
        )
    });
}

#[test]
fn items_are_read_as_in_falco() {
    let read = "YAML_VALIDATE";
    let good = rule("r", "evt.type=open", "");
    let keys: &[Group<'_>] = &[(
        "keys that may be absent may not be empty",
        &[
            ("enabled: ~", read),
            ("warn_evttypes: ~", read),
            ("skip-if-unknown-filter: ~", read),
            ("capture: ~", read),
            ("capture_duration: ~", read),
            ("source: ~", read),
            ("tags: ~", read),
            ("tags: [a, ~]", read),
            ("append: ~", read),
            ("append: false", "ok"),
            ("nosuch: ~", "ok UNKNOWN_KEY"),
        ],
    )];
    hold(keys, |key| format!("{good}  {key}\n"));
    let exceptions: &[Group<'_>] = &[(
        "shapes are looked at before meanings",
        &[
            ("name: e", read),
            ("name: \"\", fields: proc.name", read),
            ("name: e, fields: \"\"", read),
            ("name: e, fields: ~", VALIDATE),
            ("name: e, fields: proc.name, comps: \"\"", read),
            ("name: e, fields: proc.name, values: ~", read),
            ("name: e, fields: proc.name, values: a", read),
            ("name: e, fields: proc.name, values: [\"\"]", read),
            (
                "name: e, fields: [proc.name], comps: [], values: [[a]]",
                "ok",
            ),
            (
                "name: e, fields: [proc.name], comps: [exists], values: [[a]]",
                COMPILE,
            ),
            (
                "name: e, fields: proc.name, comps: exists, values: [a]",
                VALIDATE,
            ),
            ("name: e, fields: [foo.bar]", VALIDATE),
        ],
    )];
    hold(exceptions, |exception| {
        format!("{good}  exceptions:\n  - {{{exception}}}\n")
    });
    let added: &[Group<'_>] = &[(
        "new exceptions are complete",
        &[
            ("name: e, fields: [proc.name]", "VALIDATE APPEND_NO_VALUES"),
            ("name: e, fields: [proc.name], values: []", VALIDATE),
            ("name: e, values: [[a]]", VALIDATE),
            ("name: e, fields: [proc.name], values: [[a]]", "ok"),
        ],
    )];
    hold(added, |exception| {
        format!(
            "{good}- rule: r\n  exceptions:\n  - {{{exception}}}\n  override: {{exceptions: append}}\n"
        )
    });
    let items: &[Group<'_>] = &[
        (
            "versions are three numbers, whatever follows, or one",
            &[
                ("- required_engine_version: abc\n", read),
                ("- required_engine_version: -1\n", read),
                ("- required_engine_version: 57.0\n", read),
                ("- required_engine_version: 0.57.0foo\n", "ok"),
                ("- required_engine_version: 0.99.0\n", VALIDATE),
                (
                    "- required_engine_version: 57\n  foo: 1\n",
                    "ok UNKNOWN_KEY",
                ),
            ],
        ),
        (
            "what is not defined cannot be empty",
            &[
                ("- list: l\n  items: [open, ~]\n", read),
                ("- list: l\n  items: [open]\n  append: ~\n", read),
                (
                    "- list: l\n  items: [open]\n  append: false\n",
                    "ok UNUSED_LIST",
                ),
                (
                    "- rule: r\n  append: true\n  condition: ~\n",
                    "YAML_VALIDATE DEPRECATED_ITEM",
                ),
                (
                    "- rule: r\n  priority: ~\n  override: {priority: replace}\n",
                    read,
                ),
            ],
        ),
        (
            "a rule keeps its source, and fields of other sources are not known",
            &[
                (
                    "- rule: r\n  desc: d\n  condition: a\n  output: o\n  priority: INFO\n  source: x\n",
                    VALIDATE,
                ),
                (
                    "- rule: q\n  desc: d\n  condition: a\n  output: o\n  priority: INFO\n  source: x\n  \
                     exceptions: [{name: e, fields: [foo.bar]}]\n",
                    "ok UNKNOWN_SOURCE",
                ),
            ],
        ),
        (
            "a name between quotes of YAML is text, and only spaces bring quotes",
            &[(
                "- list: l\n  items: [\"a\\tb\"]\n- rule: q\n  desc: d\n  condition: evt.type=open and \
                 proc.name in (l)\n  output: o\n  priority: INFO\n",
                COMPILE,
            )],
        ),
    ];
    hold(items, |item| format!("{good}{item}"));
}

#[test]
fn problems_are_found_in_the_order_of_falco() {
    let first = rule("r1", "proc.name=a", "");
    let broken = rule("r2", "evt.type=open and (", "");
    let files = [
        (
            "NO_EVTTYPE is kept",
            format!("{first}{broken}"),
            "COMPILE_CONDITION NO_EVTTYPE",
        ),
        (
            "outputs before conditions",
            broken.replace("output: o", "output: \"%foo.bar\""),
            "COMPILE_OUTPUT",
        ),
        (
            "all macros are read before any is resolved",
            "- macro: m1\n  condition: nosuch\n- macro: m2\n  condition: evt.type=open and (\n"
                .to_owned(),
            COMPILE,
        ),
        (
            "only what rules use is examined",
            "- macro: m\n  condition: evt.dir=<\n".to_owned(),
            "ok UNUSED_MACRO",
        ),
        (
            "macros may have names of operators",
            format!(
                "- macro: exists\n  condition: proc.name=a\n{}",
                rule("r", "evt.type=open and exists", "")
            ),
            "ok",
        ),
    ];
    for (reason, file, wanted) in files {
        assert_eq!(verdict(&file), wanted, "{reason}");
    }
}
