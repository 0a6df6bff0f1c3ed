//! What a condition says, before anything is known about fields, macros and lists.

use std::fmt;

use crate::source::Span;

/// A condition or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expression {
    /// Any of them.
    Or(Vec<Expression>),
    /// All of them.
    And(Vec<Expression>),
    /// Not this.
    Not(Box<Expression>),
    /// A comparison.
    Check(Check),
    /// A bare word where a check is expected: the name of a macro.
    Name(Operand),
    /// What could not be understood; the problem has been reported.
    Broken,
}

/// A comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) left: Operand,
    pub(crate) operator: Operator,
    pub(crate) operator_span: Span,
    pub(crate) right: Right,
}

impl Check {
    pub(crate) fn span(&self) -> Span {
        let end = match &self.right {
            Right::Nothing => self.operator_span,
            Right::One(operand) => operand.span,
            Right::List(_, span) | Right::Quantified(_, _, span) => *span,
        };
        self.left.span.to(end)
    }
}

/// The right side of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    /// `exists` has none.
    Nothing,
    /// One value or field.
    One(Operand),
    /// Values in parentheses; the span covers these.
    List(Vec<Operand>, Span),
    /// Values in parentheses after a word that says how many of them must do.
    Quantified(Quantifier, Vec<Operand>, Span),
}

/// How many values of a list must satisfy an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Quantifier {
    /// Exactly one.
    One,
    /// At least one.
    Any,
    /// Every one, and there is one.
    All,
}

impl Quantifier {
    pub(crate) const fn spelling(self) -> &'static str {
        match self {
            Self::One => "oneof",
            Self::Any => "anyof",
            Self::All => "allof",
        }
    }

    pub(crate) fn parse(word: &str) -> Option<Self> {
        let mut all = [Self::One, Self::Any, Self::All].into_iter();
        all.find(|quantifier| quantifier.spelling() == word)
    }
}

/// A function of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Transformer {
    ToLower,
    ToUpper,
    Base64,
    BaseName,
    Length,
    Concat,
    Join,
    Options,
}

impl Transformer {
    pub(crate) const ALL: [Self; 8] = [
        Self::ToLower,
        Self::ToUpper,
        Self::Base64,
        Self::BaseName,
        Self::Length,
        Self::Concat,
        Self::Join,
        Self::Options,
    ];

    pub(crate) const fn spelling(self) -> &'static str {
        match self {
            Self::ToLower => "tolower",
            Self::ToUpper => "toupper",
            Self::Base64 => "b64",
            Self::BaseName => "basename",
            Self::Length => "len",
            Self::Concat => "concat",
            Self::Join => "join",
            Self::Options => "getopt",
        }
    }

    pub(crate) fn parse(word: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|transformer| transformer.spelling() == word)
    }
}

/// A transformer with what it works on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) transformer: Transformer,
    /// Fields as words, texts in quotes, calls and tuples.
    pub(crate) arguments: Vec<Operand>,
    /// What stands in brackets behind it: the option that `getopt` looks for.
    pub(crate) index: Option<String>,
}

/// How an operand was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OperandKind {
    /// Bare.
    Word,
    /// In quotes, which are removed from the text.
    Quoted,
    /// As `val(FIELD)`.
    FieldValue,
    /// As `tolower(FIELD)`; the text is what was written.
    Call(Box<Call>),
    /// Several in parentheses, as an argument of a transformer.
    Tuple(Vec<Operand>),
}

/// One side of a comparison, or one value of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Operand {
    pub(crate) kind: OperandKind,
    pub(crate) text: String,
    pub(crate) span: Span,
}

macro_rules! operators {
    (
        written { $($(#[$doc:meta])* $variant:ident = $spelling:literal,)+ }
        made { $($(#[$made_doc:meta])* $made:ident = $made_spelling:literal,)+ }
    ) => {
        /// The operators of all dialects together.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum Operator {
            $($(#[$doc])* $variant,)+
            $($(#[$made_doc])* $made,)+
        }

        impl Operator {
            /// Every operator that a condition may have.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// As it is written, or shown; `==` is another spelling of `=`.
            pub(crate) const fn spelling(self) -> &'static str {
                match self {
                    $(Self::$variant => $spelling,)+
                    $(Self::$made => $made_spelling,)+
                }
            }
        }
    };
}

operators! {
    written {
        /// The field has a value.
        Exists = "exists",
        /// Equality.
        Equal = "=",
        /// Inequality.
        NotEqual = "!=",
        /// Order.
        Less = "<",
        /// Order.
        LessOrEqual = "<=",
        /// Order.
        Greater = ">",
        /// Order.
        GreaterOrEqual = ">=",
        /// Part of the text.
        Contains = "contains",
        /// Part of the text, ASCII case ignored.
        ContainsIgnoringCase = "icontains",
        /// Part of the text, the value in hexadecimal.
        ContainsBytes = "bcontains",
        /// Start of the text.
        StartsWith = "startswith",
        /// Start of the text, the value in hexadecimal.
        StartsWithBytes = "bstartswith",
        /// End of the text.
        EndsWith = "endswith",
        /// Shell pattern.
        Glob = "glob",
        /// Shell pattern, ASCII case ignored.
        GlobIgnoringCase = "iglob",
        /// Regular expression over the whole text.
        Regex = "regex",
        /// One of a list.
        In = "in",
        /// One of a list.
        Intersects = "intersects",
        /// Falco: at or below one of the paths. SysFlow: contains one of the texts.
        PathMatch = "pmatch",
    }
    // Only other front ends make these: as words of conditions they would take names from users.
    made {
        /// Equality of texts, ASCII case ignored.
        EqualIgnoringCase = "equals, in any case",
        /// Start of the text, ASCII case ignored.
        StartsWithIgnoringCase = "starts, in any case, with",
        /// End of the text, ASCII case ignored.
        EndsWithIgnoringCase = "ends, in any case, with",
        /// Regular expression over any part of the text.
        Finds = "has a part that matches",
    }
}

impl Operator {
    pub(crate) fn parse(word: &str) -> Option<Self> {
        if word == "==" {
            return Some(Self::Equal);
        }
        let mut all = Self::ALL.iter().copied();
        all.find(|operator| operator.spelling() == word)
    }

    /// Whether the right side must be a number or a field, to Falco.
    pub(crate) const fn orders(self) -> bool {
        matches!(
            self,
            Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual
        )
    }

    /// Whether the right side is a list.
    pub(crate) const fn takes_list(self) -> bool {
        matches!(self, Self::In | Self::Intersects | Self::PathMatch)
    }
}

fn joined(operands: &[Operand]) -> String {
    let operands: Vec<String> = operands.iter().map(ToString::to_string).collect();
    operands.join(", ")
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            OperandKind::Word => f.write_str(&self.text),
            OperandKind::Call(call) => {
                write!(
                    f,
                    "{}({})",
                    call.transformer.spelling(),
                    joined(&call.arguments)
                )?;
                match &call.index {
                    Some(index) => write!(f, "[{index}]"),
                    None => Ok(()),
                }
            }
            OperandKind::Tuple(parts) => write!(f, "({})", joined(parts)),
            OperandKind::FieldValue => write!(f, "val({})", self.text),
            OperandKind::Quoted => {
                f.write_str("\"")?;
                for character in self.text.chars() {
                    match character {
                        '"' | '\\' => write!(f, "\\{character}")?,
                        '\n' => f.write_str("\\n")?,
                        '\r' => f.write_str("\\r")?,
                        '\t' => f.write_str("\\t")?,
                        _ => write!(f, "{character}")?,
                    }
                }
                f.write_str("\"")
            }
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.left, self.operator.spelling())?;
        match &self.right {
            Right::Nothing => Ok(()),
            Right::One(operand) => write!(f, " {operand}"),
            Right::List(items, _) => write!(f, " ({})", joined(items)),
            Right::Quantified(quantifier, items, _) => {
                write!(f, " {} ({})", quantifier.spelling(), joined(items))
            }
        }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |f: &mut fmt::Formatter<'_>, word: &str, parts: &[Self]| {
            for (index, part) in parts.iter().enumerate() {
                if index > 0 {
                    write!(f, " {word} ")?;
                }
                match part {
                    Self::Or(_) | Self::And(_) => write!(f, "({part})")?,
                    _ => write!(f, "{part}")?,
                }
            }
            Ok(())
        };
        match self {
            Self::Or(parts) => joined(f, "or", parts),
            Self::And(parts) => joined(f, "and", parts),
            Self::Not(inner) => match **inner {
                Self::Or(_) | Self::And(_) => write!(f, "not ({inner})"),
                _ => write!(f, "not {inner}"),
            },
            Self::Check(check) => check.fmt(f),
            Self::Name(name) => name.fmt(f),
            Self::Broken => f.write_str("?"),
        }
    }
}
