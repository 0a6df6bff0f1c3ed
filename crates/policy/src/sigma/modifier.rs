//! Modifiers of fields, and what they make of values.

use super::encode::{self, Utf16};
use super::expand::{expanded, regex_piece};
use super::number::Number;
use super::pcre;
use super::wildcard::{Pattern, Piece};

/// More values than this do not come out of one.
pub(super) const MAX_VARIANTS: usize = 10_000;

/// More bytes than these do not come out of one: encodings may be encoded again.
const MAX_BYTES: usize = 1 << 20;

/// A value after its modifiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operand {
    /// A text that may have wildcards.
    Text(Pattern),
    /// A text in which letters count with their case.
    Cased(Pattern),
    /// A regular expression for a part of the value, with its flags.
    Regex(String),
    /// Another field, and where its value must be.
    Field(String, Side),
    /// A network.
    Network(String),
    /// A number, and how the value compares with it.
    Number(Comparison, Number),
    /// Whether the field has a value.
    Exists(bool),
    /// No value.
    Null,
}

impl Operand {
    /// A measure of the room that it takes.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Text(pattern) | Self::Cased(pattern) => pattern.bytes(),
            Self::Regex(text) | Self::Field(text, _) | Self::Network(text) => text.len(),
            Self::Number(..) | Self::Exists(_) | Self::Null => 0,
        }
    }
}

/// Where in a value another must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Side {
    #[default]
    Whole,
    Anywhere,
    Start,
    End,
}

/// An order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The modifiers of one field that work on each of its values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Modifiers {
    steps: Vec<Step>,
    /// All values must match, not only one.
    pub(super) all: bool,
    /// None of the values may match.
    pub(super) negated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Side(Side),
    Cased,
    Exists,
    Regex,
    Flag(char),
    Cidr,
    Compare(Comparison),
    Base64,
    Base64Offset,
    Utf16(Utf16),
    Windash,
    FieldReference,
    Expand,
}

impl Modifiers {
    /// Adds a modifier by its name.
    pub(super) fn add(&mut self, name: &str) -> Result<(), String> {
        let step = match name {
            "all" => {
                self.all = true;
                return Ok(());
            }
            "neq" => {
                self.negated = true;
                return Ok(());
            }
            "contains" => Step::Side(Side::Anywhere),
            "startswith" => Step::Side(Side::Start),
            "endswith" => Step::Side(Side::End),
            "cased" => Step::Cased,
            "exists" => Step::Exists,
            "re" => Step::Regex,
            "i" | "ignorecase" => Step::Flag('i'),
            "m" | "multiline" => Step::Flag('m'),
            "s" | "dotall" => Step::Flag('s'),
            "cidr" => Step::Cidr,
            "lt" => Step::Compare(Comparison::Less),
            "lte" => Step::Compare(Comparison::LessOrEqual),
            "gt" => Step::Compare(Comparison::Greater),
            "gte" => Step::Compare(Comparison::GreaterOrEqual),
            "base64" => Step::Base64,
            "base64offset" => Step::Base64Offset,
            "wide" | "utf16le" => Step::Utf16(Utf16::Little),
            "utf16be" => Step::Utf16(Utf16::Big),
            "utf16" => Step::Utf16(Utf16::Marked),
            "windash" => Step::Windash,
            "fieldref" => Step::FieldReference,
            "expand" => Step::Expand,
            "minute" | "hour" | "day" | "week" | "month" | "year" => {
                return Err(format!("the modifier `{name}` is not supported"));
            }
            _ => return Err(format!("there is no modifier `{name}`")),
        };
        // Placeholders stand for text in the file, so they come first wherever they are asked for.
        if step == Step::Expand {
            self.steps.insert(0, step);
        } else {
            self.steps.push(step);
        }
        Ok(())
    }

    /// Whether more may come out of a value than went in.
    pub(super) fn make_more(&self) -> bool {
        let makes_more = |step: &Step| {
            use Step as S;
            matches!(
                step,
                S::Base64 | S::Base64Offset | S::Utf16(_) | S::Windash | S::Expand
            )
        };
        self.steps.iter().any(makes_more)
    }

    /// The names of all modifiers; `ignorecase`, `multiline` and `dotall` are other names of the flags.
    pub(super) const NAMES: [&'static str; 25] = [
        "all",
        "neq",
        "contains",
        "startswith",
        "endswith",
        "cased",
        "exists",
        "re",
        "i",
        "m",
        "s",
        "cidr",
        "lt",
        "lte",
        "gt",
        "gte",
        "base64",
        "base64offset",
        "wide",
        "utf16le",
        "utf16be",
        "utf16",
        "windash",
        "fieldref",
        "expand",
    ];

    /// What a value means: any of the operands.
    pub(super) fn apply<'v>(
        &self,
        value: Option<&str>,
        placeholders: impl Fn(&str) -> Option<&'v [String]>,
    ) -> Result<Vec<Operand>, String> {
        let Some(value) = value else {
            if self.steps.is_empty() {
                return Ok(vec![Operand::Null]);
            }
            return Err("`null` takes no modifiers".into());
        };
        let mut values = vec![Value::Raw(value.to_owned())];
        let is_regex = self.steps.contains(&Step::Regex);
        for step in &self.steps {
            let mut next = Vec::with_capacity(values.len());
            for value in values {
                match (step, value) {
                    (Step::Expand, Value::Raw(text)) if is_regex => {
                        let patterns = expanded(&text, &placeholders, &regex_piece)?;
                        next.extend(patterns.into_iter().map(Value::Raw));
                    }
                    (step, value) => value.modified(*step, &placeholders, &mut next)?,
                }
            }
            if next.len() > MAX_VARIANTS {
                return Err(format!("this becomes more than {MAX_VARIANTS} values"));
            }
            if next.iter().map(Value::bytes).sum::<usize>() > MAX_BYTES {
                return Err(format!("this becomes more than {MAX_BYTES} bytes"));
            }
            values = next;
        }
        Ok(values.into_iter().map(Value::finished).collect())
    }
}

/// A value on its way through the modifiers.
#[derive(Clone, Debug)]
enum Value {
    /// As it was written.
    Raw(String),
    Text(Pattern, bool),
    /// An expression, its flags, and where in the value it must match.
    Regex(String, String, Side),
    Field(String, Side),
    Done(Operand),
}

impl Value {
    /// A measure of the room that it takes.
    fn bytes(&self) -> usize {
        match self {
            Self::Raw(text) | Self::Regex(text, ..) | Self::Field(text, _) => text.len(),
            Self::Text(pattern, _) => pattern.bytes(),
            Self::Done(_) => 0,
        }
    }

    fn modified<'v>(
        self,
        step: Step,
        placeholders: &impl Fn(&str) -> Option<&'v [String]>,
        out: &mut Vec<Self>,
    ) -> Result<(), String> {
        let modified = match (step, self) {
            (Step::Regex, Self::Raw(text)) => Self::Regex(text, String::new(), Side::Anywhere),
            (Step::Flag(flag), Self::Regex(text, flags, side)) => {
                Self::Regex(text, format!("{flags}{flag}"), side)
            }
            (Step::Flag(flag), _) => return Err(format!("`{flag}` is only for behind `re`")),
            (Step::FieldReference, Self::Raw(text)) => Self::Field(text, Side::Whole),
            (Step::FieldReference, value) => {
                let (field, side) = value.into_reference()?;
                Self::Field(field, side)
            }
            (Step::Side(side), Self::Field(field, _)) => Self::Field(field, side),
            (Step::Exists, Self::Raw(text)) => Self::Done(Operand::Exists(boolean(&text)?)),
            (Step::Cidr, Self::Raw(text)) => Self::Done(Operand::Network(text)),
            (Step::Compare(comparison), Self::Raw(text)) => {
                let number = Number::parse(&text);
                let number = number.ok_or_else(|| format!("`{text}` is not a number"))?;
                Self::Done(Operand::Number(comparison, number))
            }
            (Step::Expand, Self::Raw(text)) => {
                let patterns = expanded(&text, placeholders, &Pattern::parse)?;
                out.extend(
                    patterns
                        .into_iter()
                        .map(|pattern| Self::Text(pattern, false)),
                );
                return Ok(());
            }
            // A regular expression may match any part unless it is told where.
            (Step::Side(side), Self::Regex(text, flags, _)) => Self::Regex(text, flags, side),
            (step, value) => {
                let (pattern, cased) = value.into_text()?;
                return apply_to_text(step, &pattern, cased, out);
            }
        };
        out.push(modified);
        Ok(())
    }

    fn into_text(self) -> Result<(Pattern, bool), String> {
        match self {
            Self::Raw(text) => Ok((Pattern::parse(&text), false)),
            Self::Text(pattern, cased) => Ok((pattern, cased)),
            Self::Regex(..) | Self::Field(..) | Self::Done(_) => {
                Err("these modifiers do not go together".into())
            }
        }
    }

    /// A field named by a text that was given a side before.
    fn into_reference(self) -> Result<(String, Side), String> {
        let (pattern, _) = self.into_text()?;
        let (name, side) = match pattern.pieces() {
            [Piece::Any, Piece::Text(name), Piece::Any] => (name, Side::Anywhere),
            [Piece::Text(name), Piece::Any] => (name, Side::Start),
            [Piece::Any, Piece::Text(name)] => (name, Side::End),
            _ => return Err("this is not the name of a field".into()),
        };
        Ok((String::from_utf8_lossy(name).into_owned(), side))
    }

    fn finished(self) -> Operand {
        match self {
            Self::Raw(text) => Operand::Text(Pattern::parse(&text)),
            Self::Text(pattern, false) => Operand::Text(pattern),
            Self::Text(pattern, true) => Operand::Cased(pattern),
            Self::Regex(text, flags, side) => {
                let text = pcre::translated(&text);
                let text = if flags.is_empty() {
                    text
                } else {
                    format!("(?{flags}:{text})")
                };
                Operand::Regex(match side {
                    Side::Start => format!(r"\A(?:{text})"),
                    Side::End => format!(r"(?:{text})\z"),
                    Side::Anywhere | Side::Whole => text,
                })
            }
            Self::Field(field, side) => Operand::Field(field, side),
            Self::Done(operand) => operand,
        }
    }
}

fn apply_to_text(
    step: Step,
    pattern: &Pattern,
    cased: bool,
    out: &mut Vec<Value>,
) -> Result<(), String> {
    let literal = |what: &str| {
        let literal = pattern.as_literal();
        literal.ok_or_else(|| format!("`{what}` cannot be used on a text with wildcards"))
    };
    match step {
        Step::Side(side) => {
            let before = matches!(side, Side::Anywhere | Side::End);
            let after = matches!(side, Side::Anywhere | Side::Start);
            out.push(Value::Text(pattern.widened(before, after), cased));
        }
        Step::Cased => out.push(Value::Text(pattern.clone(), true)),
        Step::Base64 => {
            let encoded = encode::base64(literal("base64")?);
            out.push(Value::Text(Pattern::literal(encoded), true));
        }
        Step::Base64Offset => {
            for encoded in encode::base64_offsets(literal("base64offset")?) {
                if encoded.is_empty() {
                    return Err("this text is too short for `base64offset`".into());
                }
                out.push(Value::Text(Pattern::literal(encoded), true));
            }
        }
        Step::Utf16(encoding) => {
            let text = std::str::from_utf8(literal("utf16")?);
            let text = text.map_err(|_| "this is not a text that could be UTF-16")?;
            let encoded = encode::utf16(text, encoding);
            out.push(Value::Text(Pattern::literal(encoded), cased));
        }
        Step::Windash => {
            let mut patterns = vec![Pattern::default()];
            for piece in pattern.pieces() {
                let Piece::Text(bytes) = piece else {
                    for pattern in &mut patterns {
                        pattern.push(piece.clone());
                    }
                    continue;
                };
                let text = String::from_utf8_lossy(bytes);
                let most = MAX_VARIANTS.min(MAX_BYTES / text.len().max(1)) / patterns.len();
                let variants = encode::windash(&text, most);
                let variants =
                    variants.ok_or_else(|| format!("`windash` gives more than {most} texts"))?;
                patterns = patterns
                    .iter()
                    .flat_map(|pattern| {
                        variants.iter().map(|variant| {
                            let mut pattern = pattern.clone();
                            pattern.push(Piece::Text(variant.as_bytes().to_vec()));
                            pattern
                        })
                    })
                    .collect();
            }
            out.extend(patterns.into_iter().map(|p| Value::Text(p, cased)));
        }
        Step::Exists
        | Step::Regex
        | Step::Flag(_)
        | Step::Cidr
        | Step::Compare(_)
        | Step::FieldReference
        | Step::Expand => return Err("these modifiers do not go together".into()),
    }
    Ok(())
}

fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" => Ok(true),
        "false" | "no" => Ok(false),
        _ => Err("`exists` takes true or false".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(modifiers: &str, value: &str) -> Result<Vec<Operand>, String> {
        let mut all = Modifiers::default();
        for name in modifiers.split('|').filter(|name| !name.is_empty()) {
            all.add(name)?;
        }
        let admins = ["root".to_owned(), "adm*".to_owned()];
        all.apply(Some(value), |name| {
            (name == "admins").then_some(&admins[..])
        })
    }

    fn text(pattern: &str) -> Operand {
        Operand::Text(Pattern::parse(pattern))
    }

    #[test]
    fn every_name_is_a_modifier() {
        for name in Modifiers::NAMES {
            assert_eq!(Modifiers::default().add(name), Ok(()), "{name}");
        }
        assert!(Modifiers::default().add("near").is_err());
    }

    #[test]
    fn modifiers_work_in_their_order() {
        assert_eq!(apply("", "a*"), Ok(vec![text("a*")]));
        assert_eq!(apply("contains", "a?"), Ok(vec![text("*a?*")]));
        assert_eq!(apply("startswith", "a"), Ok(vec![text("a*")]));
        assert_eq!(
            apply("re|i|s", "a.b"),
            Ok(vec![Operand::Regex("(?is:a.b)".into())])
        );
        assert_eq!(
            apply("re|startswith|i", "a|b"),
            Ok(vec![Operand::Regex(r"\A(?:(?i:a|b))".into())])
        );
        assert_eq!(
            apply("re|endswith", "a$"),
            Ok(vec![Operand::Regex(r"(?:a$)\z".into())])
        );
        let offsets = apply("wide|base64offset|contains", "ab").unwrap();
        assert_eq!(offsets.len(), 3);
        assert_eq!(offsets[0], Operand::Cased(Pattern::parse("*YQBiA*")));
        assert_eq!(apply("windash|contains", "x -e").unwrap().len(), 5);
        let reference = Operand::Field("Image".into(), Side::End);
        assert_eq!(
            apply("fieldref|endswith", "Image"),
            Ok(vec![reference.clone()])
        );
        assert_eq!(apply("endswith|fieldref", "Image"), Ok(vec![reference]));
        assert_eq!(apply("exists", "false"), Ok(vec![Operand::Exists(false)]));
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for (modifiers, value) in [
            ("base64", "a*"),
            ("i", "a"),
            ("re|base64", "a"),
            ("gt", "a"),
            ("exists", "maybe"),
            ("contains|re", "a"),
            ("base64offset", ""),
            ("hour", "3"),
            ("windash", "-a -b -c -d -e -f -g"),
            ("gt", "nan"),
        ] {
            assert!(apply(modifiers, value).is_err(), "{modifiers} {value}");
        }
    }

    #[test]
    fn encodings_of_encodings_stay_small() {
        let modifiers = ["wide"; 40].join("|");
        assert!(
            apply(&modifiers, "xxxxxxxxxx")
                .unwrap_err()
                .contains("bytes")
        );
        let modifiers = ["base64"; 60].join("|");
        assert!(
            apply(&modifiers, "xxxxxxxxxx")
                .unwrap_err()
                .contains("bytes")
        );
        let long = format!("{} -a -b -c", "x".repeat(100_000));
        assert!(apply("windash", &long).is_err());
    }
}
