//! The engine answers what a plain reading answers that keeps everything; and floods do not grow it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::sample::select;

use super::{Correlator, Earlier, Limits};
use crate::sigma::toy_options;
use crate::toy::Toy;
use crate::{Evaluator, LoadOptions, RuleSet, SourceFile};

const SECOND: i64 = 1_000_000_000;

/// An alert: rule, time, count, times of the observations, folded.
type Told = (String, i64, u64, Vec<i64>, u64);

fn load(text: &str, options: &LoadOptions) -> RuleSet<Toy> {
    let file = SourceFile {
        name: "rules.yaml".into(),
        text: text.into(),
    };
    let (set, problems) = RuleSet::load(vec![file], options);
    assert!(problems.is_empty(), "{problems}");
    set
}

fn run(set: &RuleSet<Toy>, toys: &[Toy], limits: Limits) -> (Vec<Told>, Correlator) {
    let mut correlator = Correlator::new(set, limits);
    let mut evaluator = Evaluator::new();
    let mut told = Vec::new();
    for toy in toys {
        let mut steps = Vec::new();
        evaluator.steps(set, toy, |step| steps.push(step));
        correlator.observe(set, toy, toy.time, &steps, |alert| {
            let rule = set.rule(alert.rule).unwrap().name.clone();
            let times = alert.observations.iter().map(|earlier| earlier.time);
            told.push((rule, toy.time, alert.count, times.collect(), alert.folded));
        });
    }
    (told, correlator)
}

fn toys() -> impl Strategy<Value = Vec<Toy>> {
    let toy = (
        select(vec!["", "a", "b", "c", "ab", "bc", "abc"]),
        select(vec!["x", "y"]),
        (1_i64..5, proptest::collection::vec(1_i64..5, 0..3)),
        select(vec![0, 0, 1, 1, 2, 4]),
    );
    proptest::collection::vec(toy, 0..40).prop_map(|toys| {
        let mut time = 1_000 * SECOND;
        let mut result = Vec::new();
        for (exe, parent, (pid, ports), later) in toys {
            time += later * SECOND;
            result.push(Toy {
                operations: 1,
                exe: exe.into(),
                parent_exe: parent.into(),
                pid,
                ports,
                time,
                ..Toy::default()
            });
        }
        result
    })
}

/// Whether a toy takes the step of a letter.
fn takes(toy: &Toy, place: usize) -> bool {
    toy.exe.contains(["a", "b", "c"][place])
}

/// Whether some of the earlier toys lead to the last, which takes the last step.
fn leads(
    earlier: &[Toy],
    last: &Toy,
    place: usize,
    start_after: i64,
    anchor: Option<i64>,
    gaps: &[Option<i64>],
) -> bool {
    let near_start = last.time >= start_after;
    if place == 0 {
        return near_start && anchor.is_none_or(|anchor| last.pid == anchor);
    }
    (0..earlier.len()).rev().any(|index| {
        let before = &earlier[index];
        takes(before, place - 1)
            && gaps[place].is_none_or(|gap| last.time - before.time <= gap)
            && leads(
                &earlier[..index],
                before,
                place - 1,
                start_after,
                anchor,
                gaps,
            )
    })
}

fn processes(toy: &Toy) -> Vec<i64> {
    let mut processes = vec![toy.pid];
    for port in &toy.ports {
        if !processes.contains(port) {
            processes.push(*port);
        }
    }
    processes
}

proptest! {
    #[test]
    fn sequences(
        toys in toys(),
        length in 2_usize..4,
        within in select(vec![None, Some(3), Some(6)]),
        gap in select(vec![None, Some(1), Some(2)]),
        lineage in any::<bool>(),
    ) {
        let mut text = String::from("- rule: r\n  desc: d\n  priority: INFO\n  output: o\n");
        text += if lineage { "  by: [sf.pproc.exe, lineage]\n" } else { "  by: sf.pproc.exe\n" };
        if let Some(within) = within {
            let _ = writeln!(text, "  within: {within}s");
        }
        text += "  sequence:\n";
        let mut gaps = vec![None; length];
        for (place, letter) in ["a", "b", "c"].into_iter().take(length).enumerate() {
            let _ = writeln!(text, "    - name: {letter}\n      condition: sf.proc.exe contains {letter}");
            if let (1, Some(gap)) = (place, gap) {
                let _ = writeln!(text, "      within: {gap}s");
                gaps[place] = Some(gap * SECOND);
            }
        }
        let set = load(&text, &LoadOptions::default());
        let (told, _) = run(&set, &toys, Limits::default());

        // The plain reading: all observations since the last alert, for each key and each process that may
        // have started it.
        let mut kept: BTreeMap<(String, Option<i64>), Vec<Toy>> = BTreeMap::new();
        let mut expected = Vec::new();
        for toy in &toys {
            let anchors: Vec<Option<i64>> = if lineage {
                processes(toy).into_iter().map(Some).collect()
            } else {
                vec![None]
            };
            let key = |anchor| (toy.parent_exe.clone(), anchor);
            let start_after = within.map_or(i64::MIN, |within| toy.time - within * SECOND);
            let completed = anchors.iter().copied().find(|anchor| {
                let earlier = kept.get(&key(*anchor)).map_or(&[][..], Vec::as_slice);
                takes(toy, length - 1)
                    && leads(earlier, toy, length - 1, start_after, *anchor, &gaps)
            });
            if let Some(anchor) = completed {
                kept.remove(&key(anchor));
                expected.push(toy.time);
                continue;
            }
            for anchor in anchors {
                kept.entry(key(anchor)).or_default().push(toy.clone());
            }
        }
        let times: Vec<i64> = told.iter().map(|told| told.1).collect();
        prop_assert_eq!(times, expected);
        for (_, time, count, observations, _) in told {
            prop_assert_eq!(count as usize, length);
            prop_assert_eq!(observations.len(), length);
            prop_assert!(observations.is_sorted());
            prop_assert_eq!(*observations.last().unwrap(), time);
            let span = time - observations[0];
            prop_assert!(within.is_none_or(|within| span <= within * SECOND));
        }
    }

    #[test]
    fn thresholds_and_throttles(
        toys in toys(),
        count in 1_u64..4,
        within in 1_i64..5,
        distinct in any::<bool>(),
        every in select(vec![None, Some(2), Some(5)]),
    ) {
        let mut text = String::from(
            "- rule: r\n  desc: d\n  priority: INFO\n  output: o\n  condition: sf.proc.exe contains a\n",
        );
        let _ = write!(text, "  threshold: {{count: {count}, within: {within}s, by: [sf.pproc.exe]");
        text += if distinct { ", distinct: sf.proc.pid}\n" } else { "}\n" };
        if let Some(every) = every {
            let _ = writeln!(text, "  throttle: {{per: [sf.proc.pid], every: {every}s}}");
        }
        let set = load(&text, &LoadOptions::default());
        let (told, _) = run(&set, &toys, Limits::default());

        let mut kept: BTreeMap<String, Vec<(i64, i64)>> = BTreeMap::new();
        let mut throttles: BTreeMap<i64, (i64, u64)> = BTreeMap::new();
        let mut expected = Vec::new();
        for toy in toys.iter().filter(|toy| takes(toy, 0)) {
            let all = kept.entry(toy.parent_exe.clone()).or_default();
            all.push((toy.time, toy.pid));
            let live = all.iter().filter(|(then, _)| *then >= toy.time - within * SECOND);
            let mut values: Vec<i64> = live.map(|(_, pid)| *pid).collect();
            if distinct {
                values.sort_unstable();
                values.dedup();
            }
            if (values.len() as u64) < count {
                continue;
            }
            all.clear();
            let Some(every) = every else {
                expected.push((toy.time, count, 0));
                continue;
            };
            match throttles.get_mut(&toy.pid) {
                Some((last, folded)) if toy.time - *last < every * SECOND => *folded += 1,
                known => {
                    let folded = known.map_or(0, |(_, folded)| *folded);
                    throttles.insert(toy.pid, (toy.time, 0));
                    expected.push((toy.time, count, folded));
                }
            }
        }
        let told: Vec<_> = told.iter().map(|told| (told.1, told.2, told.4)).collect();
        prop_assert_eq!(told, expected);
    }

    #[test]
    fn correlations_of_sigma(
        toys in toys(),
        needed in 1_usize..4,
        within in 1_i64..5,
        generate in any::<bool>(),
    ) {
        let mut text = String::new();
        for letter in ["a", "b", "c"] {
            let _ = write!(text,
                "title: {letter}\nname: {letter}\nlogsource: {{product: linux, category: process_creation}}\n\
                 detection: {{s: {{Image|contains: {letter}}}, condition: s}}\n---\n",
            );
        }
        let _ = write!(text,
            "title: together\nname: together\ncorrelation:\n  type: temporal\n  rules: [a, b, c]\n  \
             group-by: [who]\n  aliases: {{who: {{a: ParentImage, b: ParentImage, c: ParentImage}}}}\n  \
             timespan: {within}s\n  condition: {{gte: {needed}}}\n---\n\
             title: twice\ncorrelation:\n  type: event_count\n  rules: [together]\n  \
             group-by: [ParentImage]\n  timespan: 1h\n  condition: {{gt: 1}}\n  generate: {generate}\n",
        );
        let set = load(&text, &toy_options());
        let (told, _) = run(&set, &toys, Limits::default());

        let mut kept: BTreeMap<String, Vec<(i64, usize)>> = BTreeMap::new();
        let mut completed: BTreeMap<String, u64> = BTreeMap::new();
        let mut expected = Vec::new();
        for toy in &toys {
            let all = kept.entry(toy.parent_exe.clone()).or_default();
            for place in (0..3).filter(|place| takes(toy, *place)) {
                all.push((toy.time, place));
                let live = all.iter().filter(|(then, _)| *then >= toy.time - within * SECOND);
                let mut places: Vec<usize> = live.map(|(_, place)| *place).collect();
                places.sort_unstable();
                places.dedup();
                if places.len() < needed {
                    continue;
                }
                all.clear();
                if generate {
                    expected.push(("together", toy.time));
                }
                let count = completed.entry(toy.parent_exe.clone()).or_default();
                *count += 1;
                if *count == 2 {
                    *count = 0;
                    expected.push(("twice", toy.time));
                }
                break;
            }
        }
        // Rules that correlations are about give no alerts of their own.
        let mut evaluator = Evaluator::new();
        for toy in &toys {
            let mut alone = false;
            let _ = evaluator.rules(&set, toy, |_, _| alone = true);
            prop_assert!(!alone);
        }
        let told: Vec<_> = told.iter().map(|told| (told.0.as_str(), told.1)).collect();
        prop_assert_eq!(told, expected);
    }
}

#[test]
fn a_flood_of_keys_does_not_grow_the_memory() {
    let texts = [
        "  condition: sf.proc.exe exists\n  threshold: {count: 5, within: 1h, by: [sf.proc.exe]}\n",
        "  condition: sf.proc.exe exists\n  threshold: {count: 5, within: 1h, distinct: sf.proc.exe}\n",
        "  condition: sf.proc.exe exists\n  throttle: {per: [sf.proc.exe], every: 1h}\n",
        "  by: [sf.proc.exe, lineage]\n  within: 1h\n  sequence:\n    - condition: sf.proc.exe exists\n    \
         - condition: sf.proc.exe = never\n",
        "  condition: sf.proc.exe exists\n  threshold: {count: 90000, within: 1h, distinct: sf.proc.exe}\n",
    ];
    let limits = Limits {
        entries: 100,
        bytes: 20_000,
    };
    let flood: Vec<Toy> = (0..5_000)
        .map(|number| Toy {
            operations: 1,
            exe: format!("{number}{}", "x".repeat(number % 50)),
            pid: number as i64,
            time: number as i64,
            ..Toy::default()
        })
        .collect();
    for text in texts {
        let head = "- rule: r\n  desc: d\n  priority: INFO\n  output: o\n";
        let set = load(&format!("{head}{text}"), &LoadOptions::default());
        let mut correlator = Correlator::new(&set, limits);
        let mut evaluator = Evaluator::new();
        let mut evicted = 0;
        for toy in &flood {
            let mut steps = Vec::new();
            evaluator.steps(&set, toy, |step| steps.push(step));
            correlator.observe(&set, toy, toy.time, &steps, |_| {});
            let state = correlator.states(&set).next().unwrap();
            assert!(
                state.entries <= 200 && state.bytes <= 40_000,
                "{text}: {state:?}"
            );
            assert!(state.evicted >= evicted, "{text}");
            evicted = state.evicted;
        }
        let keyed_by_value = !text.contains("count: 5, within: 1h, distinct");
        assert_eq!(evicted > 0, keyed_by_value, "{text}: {evicted}");
    }
}

#[test]
fn alerts_tell_what_led_to_them() {
    let set = load(
        "- rule: r\n  desc: d\n  priority: INFO\n  output: o\n  by: [sf.pproc.exe]\n  sequence:\n    \
         - {name: first, condition: sf.proc.exe = a}\n    - {name: then, condition: sf.proc.exe = b}\n",
        &LoadOptions::default(),
    );
    let toy = |exe: &str, time| Toy {
        exe: exe.into(),
        parent_exe: "p".into(),
        time,
        ..Toy::default()
    };
    let mut correlator = Correlator::new(&set, Limits::default());
    let mut evaluator = Evaluator::new();
    let mut observations = Vec::new();
    for toy in [toy("a", 1), toy("b", 2)] {
        let mut steps = Vec::new();
        evaluator.steps(&set, &toy, |step| steps.push(step));
        correlator.observe(&set, &toy, toy.time, &steps, |alert| {
            observations.extend_from_slice(alert.observations);
        });
    }
    let earlier = |step, time| Earlier {
        step,
        time,
        values: vec![b"p"[..].into()],
    };
    assert_eq!(observations, [earlier(0, 1), earlier(1, 2)]);
}

#[test]
fn steps_may_call_one_thing_by_different_names() {
    let set = load(
        "- rule: r\n  desc: d\n  priority: INFO\n  output: o\n  sequence:\n    \
         - {condition: sf.proc.exe = a, by: [sf.proc.pid, sf.file.path]}\n    \
         - {condition: sf.proc.exe != a, by: [sf.proc.pid, sf.proc.exe]}\n",
        &LoadOptions::default(),
    );
    let toy = |exe: &str, path: &str, pid| Toy {
        exe: exe.into(),
        path: path.into(),
        pid,
        ..Toy::default()
    };
    let first = Toy {
        kind: 1,
        ..toy("a", "b", 1)
    };
    let fires = |last: Toy| {
        let told = run(&set, &[first.clone(), last], Limits::default()).0;
        !told.is_empty()
    };
    assert!(fires(toy("b", "x", 1)));
    assert!(!fires(toy("b", "x", 2)), "another process");
    assert!(!fires(toy("x", "b", 1)), "another program");
}

#[test]
fn faults_of_the_keys_are_told() {
    for (keys, wanted) in [
        (
            "by: [sf.proc.pid]\n  sequence: [{condition: sf.proc.exe = a}, \
             {condition: sf.proc.exe = b, by: [sf.proc.pid, sf.proc.exe]}]",
            "as many fields",
        ),
        (
            "sequence: [{condition: sf.proc.exe = a}]",
            "from 2 to 16 steps",
        ),
        ("sequence: x", "a list of steps"),
        (
            "condition: sf.proc.exe = a\n  threshold: {count: 0, within: 1s}",
            "1 or more",
        ),
        (
            "condition: sf.proc.exe = a\n  threshold: {count: 2}",
            "a duration in `within`",
        ),
        (
            "condition: sf.proc.exe = a\n  threshold: {count: 2, within: 5}",
            "not a duration",
        ),
        (
            "condition: sf.proc.exe = a\n  threshold: {cout: 2, within: 5s}",
            "no key `cout`",
        ),
        (
            "condition: sf.proc.exe = a\n  throttle: {per: [sf.no], every: 1s}",
            "no field `sf.no`",
        ),
        (
            "condition: sf.proc.exe = a\n  within: 1s",
            "belongs to a `sequence`",
        ),
        (
            "condition: sf.proc.exe = a\n  threshold: {count: 2, within: 1s, by: lineage}",
            "lineage",
        ),
        (
            "sequence: [{condition: sf.proc.exe = a, within: 1s}, {condition: sf.proc.exe = b}]",
            "the first step",
        ),
        (
            "sequence: [{condition: sf.no = a}, {condition: sf.proc.exe = b}]",
            "no field `sf.no`",
        ),
    ] {
        let text = format!("- rule: r\n  desc: d\n  priority: INFO\n  output: o\n  {keys}\n");
        let file = SourceFile {
            name: "rules.yaml".into(),
            text,
        };
        let options = LoadOptions {
            dialect: Some(crate::Dialect::Falco),
            ..LoadOptions::default()
        };
        let (set, problems) = RuleSet::<Toy>::load(vec![file], &options);
        assert!(set.rules().is_empty(), "{keys}");
        let problems = problems.render(false, 100);
        assert!(problems.contains(wanted), "{keys}:\n{problems}");
    }
}
