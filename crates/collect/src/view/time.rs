//! Fields of the time.

use sysflow_field::{FalcoType, Shown, Value};

/// Nanoseconds of a second.
const SECOND: i64 = 1_000_000_000;

event_fields! {
    EVT_TIME = "evt.time": Time { shown: Shown::Clock, falco: Some(FalcoType::Text) }, "When, ns since the epoch; texts show the time of day."
        => value |v| Some(Value::Int(v.event.ts as i64));
    EVT_TIME_S = "evt.time.s": Time { shown: Shown::ClockSeconds, falco: Some(FalcoType::Text) },
        "When, ns since the epoch; texts show the time of day to the second."
        => value |v| Some(Value::Int(v.event.ts as i64));
    EVT_TIME_ISO = "evt.time.iso8601": Time { shown: Shown::Iso8601, falco: Some(FalcoType::Text) },
        "When, ns since the epoch; texts show it as ISO 8601 has it."
        => value |v| Some(Value::Int(v.event.ts as i64));
    EVT_DATETIME = "evt.datetime": Time { shown: Shown::Date, falco: Some(FalcoType::Text) }, "When, ns since the epoch; texts show date and time."
        => value |v| Some(Value::Int(v.event.ts as i64));
    EVT_DATETIME_S = "evt.datetime.s": Time { shown: Shown::DateSeconds, falco: Some(FalcoType::Text) },
        "When, ns since the epoch; texts show date and time to the second."
        => value |v| Some(Value::Int(v.event.ts as i64));
    EVT_OUTPUTTIME = "evt.outputtime": Time { shown: Shown::Clock, falco: Some(FalcoType::Text) }, "When, ns since the epoch; texts show the time of day."
        => value |v| Some(Value::Int(v.event.ts as i64));
    EVT_RAWTIME = "evt.rawtime": Time, "When, ns since the epoch, for texts as well."
        => value |v| Some(Value::Int(v.event.ts as i64));
    EVT_RAWTIME_S = "evt.rawtime.s": Int { falco: Some(FalcoType::Time) }, "When, whole seconds since the epoch."
        => value |v| Some(Value::Int(v.event.ts as i64 / SECOND));
    EVT_RAWTIME_NS = "evt.rawtime.ns": Int { falco: Some(FalcoType::Time) }, "When, ns since the second began."
        => value |v| Some(Value::Int(v.event.ts as i64 % SECOND));
    EVT_RELTIME = "evt.reltime": Duration, "Time since the first event, ns."
        => value |v| Some(Value::Int(v.since_first()));
    EVT_RELTIME_S = "evt.reltime.s": Int { falco: Some(FalcoType::Duration) }, "Time since the first event, whole seconds."
        => value |v| Some(Value::Int(v.since_first() / SECOND));
    EVT_RELTIME_NS = "evt.reltime.ns": Int { falco: Some(FalcoType::Duration) }, "Time since the first event, ns beyond the whole seconds."
        => value |v| Some(Value::Int(v.since_first() % SECOND));
    EVT_DELTATIME = "evt.deltatime": Duration, "Time since the event before, ns; 0 for the first."
        => value |v| Some(Value::Int(v.since_previous()));
    EVT_DELTATIME_S = "evt.deltatime.s": Int { falco: Some(FalcoType::Duration) }, "Time since the event before, whole seconds."
        => value |v| Some(Value::Int(v.since_previous() / SECOND));
    EVT_DELTATIME_NS = "evt.deltatime.ns": Int { falco: Some(FalcoType::Duration) }, "Time since the event before, ns beyond the whole seconds."
        => value |v| Some(Value::Int(v.since_previous() % SECOND));
    EVT_LATENCY = "evt.latency": Duration, "Always 0, as Falco has it: beginnings of calls are no events any more."
        => value |_| Some(Value::Int(0));
    EVT_LATENCY_S = "evt.latency.s": Int { falco: Some(FalcoType::Duration) }, "Always 0, as Falco has it: beginnings of calls are no events any more."
        => value |_| Some(Value::Int(0));
    EVT_LATENCY_NS = "evt.latency.ns": Int { falco: Some(FalcoType::Duration) }, "Always 0, as Falco has it: beginnings of calls are no events any more."
        => value |_| Some(Value::Int(0));
    EVT_LATENCY_QUANTIZED = "evt.latency.quantized": Int { falco: Some(FalcoType::Uint64) },
        "Always 0, as Falco has it: beginnings of calls are no events any more."
        => value |_| Some(Value::Int(0));
    EVT_LATENCY_HUMAN = "evt.latency.human": Text,
        "Always 0ns, as Falco has it: beginnings of calls are no events any more."
        => value |_| Some(Value::Text(b"0ns"));
    EVT_WAIT_LATENCY = "evt.wait_latency": Duration,
        "Always 0, as Falco has it: beginnings of calls are no events any more."
        => value |_| Some(Value::Int(0));
}

impl super::EventView<'_> {
    fn since_first(&self) -> i64 {
        self.event.ts.saturating_sub(self.since.first) as i64
    }

    fn since_previous(&self) -> i64 {
        match self.since.previous {
            0 => 0,
            previous => self.event.ts.saturating_sub(previous) as i64,
        }
    }
}
