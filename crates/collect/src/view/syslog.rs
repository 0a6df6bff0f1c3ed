//! Messages that are sent to the system's log.

use sysflow_event::raw::RawValue;
use sysflow_field::Value;

use super::EventView;

/// Where the log listens.
const LOG: &[u8] = b"/dev/log";

event_fields! {
    EVT_IS_SYSLOG = "evt.is_syslog": Bool, "Whether data are written to the system's log."
        => value |v| Some(Value::Bool(v.writes_to_log()));
    SYSLOG_FACILITY_STR = "syslog.facility.str": Text, "Part of the system that sends a message to the log, such as daemon."
        => value |v| {
            let facility = FACILITIES.get(v.log_message()?.priority as usize >> 3)?;
            Some(Value::Text(facility.as_bytes()))
        };
    SYSLOG_FACILITY = "syslog.facility": Int, "The same as a number, from 0 to 23."
        => value |v| Some(Value::Int(i64::from(v.log_message()?.priority >> 3)));
    SYSLOG_SEVERITY_STR = "syslog.severity.str": Text { domain: &SEVERITIES }, "How grave a message to the log is."
        => value |v| Some(Value::Text(SEVERITIES[v.log_message()?.priority as usize & 7].as_bytes()));
    SYSLOG_SEVERITY = "syslog.severity": Int, "The same as a number: 0 is the gravest, 7 the least."
        => value |v| Some(Value::Int(i64::from(v.log_message()?.priority & 7)));
    SYSLOG_MESSAGE = "syslog.message": Text, "Text of a message to the log, without its priority."
        => value |v| Some(Value::Text(v.log_message()?.text));
}

/// Facilities and severities of syslog, by number.
const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "clock", "authpriv",
    "ftp", "ntp", "logaudit", "logalert", "cron", "local0", "local1", "local2", "local3", "local4",
    "local5", "local6", "local7",
];
const SEVERITIES: [&str; 8] = [
    "emerg", "alert", "crit", "err", "warn", "notice", "info", "debug",
];

/// A message: `<PRIORITY>TEXT`.
struct Message<'a> {
    priority: u32,
    text: &'a [u8],
}

impl<'a> Message<'a> {
    fn parse(data: &'a [u8]) -> Option<Self> {
        let end = data.iter().position(|byte| *byte == b'>')?;
        let digits = std::str::from_utf8(data[..end].strip_prefix(b"<")?).ok()?;
        Some(Self {
            priority: digits.parse().ok()?,
            text: &data[end + 1..],
        })
    }
}

impl<'a> EventView<'a> {
    fn writes_to_log(&self) -> bool {
        let is_log = |path: &[u8]| path.windows(LOG.len()).any(|part| part == LOG);
        self.arguments.class().writes && self.descriptor().is_some_and(|to| is_log(&to.path))
    }

    fn log_message(&self) -> Option<Message<'a>> {
        match self.arguments.named("data")? {
            RawValue::Bytes(data) if self.writes_to_log() => Message::parse(data),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_begin_with_their_priority() {
        let message = Message::parse(b"<29>sshd: hello").unwrap();
        assert_eq!((message.priority, message.text), (29, &b"sshd: hello"[..]));
        assert_eq!(
            (FACILITIES[29 / 8], SEVERITIES[29 % 8]),
            ("daemon", "notice")
        );
        for text in [&b""[..], b"hello", b"<x>hello", b"<29", b"29>"] {
            assert!(Message::parse(text).is_none());
        }
    }
}
