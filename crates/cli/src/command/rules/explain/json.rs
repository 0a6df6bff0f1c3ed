//! An explanation for machines.

use serde_json::{Value, json};
use sysflow_pipeline::explaining::{Answer, Explained, Seen, Several, Verdict};
use sysflow_policy::stateful::{Earlier, Outline, Pattern};
use sysflow_policy::{Explanation, Part};

use crate::command::rules::replay::time;

/// All that was found out.
pub fn answer(answer: &Answer) -> Value {
    json!({
        "rule": answer.rule,
        "file": answer.file,
        "line": answer.position.line,
        "condition": answer.condition,
        "view": answer.view,
        "observations": answer.observations,
        "dropped": answer.dropped,
        "explained": answer.explained.iter().map(explained).collect::<Vec<_>>(),
        "several": answer.several.as_ref().map(several),
    })
}

fn explained(explained: &Explained) -> Value {
    let mut object = seen(&explained.seen);
    object["verdict"] = match explained.verdict {
        Verdict::Matches => "matches",
        Verdict::DoesNotMatch => "does not match",
        Verdict::NotAsked => "not asked",
        Verdict::Dropped => "dropped",
    }
    .into();
    object["closeness"] = explained.closeness.into();
    object["explanation"] = explained.explanation.as_ref().map_or(Value::Null, tree);
    object
}

fn seen(seen: &Seen) -> Value {
    json!({"number": seen.number, "time": time(seen.time), "sentence": seen.sentence})
}

/// A part of a condition with the parts of it.
fn tree(explanation: &Explanation) -> Value {
    let (part, text) = match &explanation.part {
        Part::All => ("all", None),
        Part::Any => ("any", None),
        Part::Not => ("not", None),
        Part::Check(text) => ("check", Some(text)),
        Part::Macro(name) => ("macro", Some(name)),
    };
    let found = explanation
        .found
        .iter()
        .map(|found| json!({"field": found.field, "values": found.values}));
    json!({
        "part": part,
        "text": text,
        "holds": explanation.holds,
        "needed": explanation.needed,
        "found": found.collect::<Vec<_>>(),
        "parts": explanation.parts.iter().map(tree).collect::<Vec<_>>(),
    })
}

fn several(told: &Several) -> Value {
    let outline = &told.outline;
    let steps = told.steps.iter().zip(&outline.steps).map(|(story, step)| {
        let closest = story.closest.as_ref().map(|(near, explanation)| {
            let mut object = seen(near);
            object["explanation"] = tree(explanation);
            object
        });
        json!({
            "by": step.by,
            "distinct": match step.distinct.as_slice() {
                [] => Value::Null,
                [field] => json!(field),
                fields => json!(fields),
            },
            "within_ns": step.within,
            "taken": story.taken,
            "keys": story.keys,
            "without_key": story.without_key,
            "first": story.first.as_ref().map(seen),
            "closest": closest,
        })
    });
    let alerts = told.alerts.iter().map(|alert| {
        let mut object = seen(&alert.seen);
        object["led"] = alert.led.map_or(Value::Null, |led| led.to_string().into());
        object
    });
    let furthest = told.furthest.as_ref().map(|furthest| {
        let progress = &furthest.progress;
        let observations = progress.observations.iter();
        json!({
            "reached": progress.reached,
            "needed": progress.needed,
            "last": seen(&furthest.seen),
            "observations": observations.map(|one| earlier(one, outline)).collect::<Vec<_>>(),
        })
    });
    json!({
        "pattern": match outline.pattern {
            Pattern::Each => "each",
            Pattern::Count { .. } => "count",
            Pattern::Sequence { .. } => "sequence",
            Pattern::Together { .. } => "together",
        },
        "fired": told.fired,
        "folded": told.state.map_or(0, |state| state.folded),
        "forgotten": told.state.map_or(0, |state| state.evicted),
        "steps": steps.collect::<Vec<_>>(),
        "alerts": alerts.collect::<Vec<_>>(),
        "furthest": furthest,
    })
}

fn earlier(earlier: &Earlier, outline: &Outline) -> Value {
    json!({
        "step": earlier.step,
        "time": time(earlier.time),
        "key": super::text::key(earlier, outline),
    })
}
