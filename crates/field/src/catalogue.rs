//! The declared fields of one source of observations.

use crate::{Arg, FalcoType, FieldId, Shown, Type};

/// What argument a field takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// None.
    None,
    /// Optionally a position: without it, all values are meant.
    OptionalIndex,
    /// Optionally a position or a name: without it, all values are meant.
    OptionalKey,
    /// A name is required, in brackets or as a further dotted part.
    Key,
    /// Optionally a path into a JSON document.
    JsonPath,
}

/// What it means when an observation has no answer for a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// The field answers with the zero value of its type (`""`, 0, false). SysFlow attributes are so.
    Zero,
    /// The field answers nothing, and every check on it is false. Falco's fields are so.
    Missing,
}

/// What a field tells an index of rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Nothing.
    Plain,
    /// The field names the kind of the observation: its values are [`Catalogue::kinds`].
    Kind,
    /// The field names operations: its values are found in [`Catalogue::operations`].
    Operation,
}

/// A set of observation kinds, one bit for each of [`Catalogue::kinds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KindSet(pub u32);

impl KindSet {
    /// Every kind.
    pub const ALL: Self = Self(u32::MAX);
    /// No kind.
    pub const NONE: Self = Self(0);

    /// The set of one kind.
    pub const fn of(kind: u32) -> Self {
        Self(1 << kind)
    }

    /// Whether `kind` belongs to the set.
    pub const fn contains(self, kind: u32) -> bool {
        self.0 & (1 << kind) != 0
    }

    /// Kinds of either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Kinds of both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether no kind belongs to the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Where a field may not stand in conditions and outputs of Falco's language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Not on the right side of a comparison.
    pub no_right_side: bool,
    /// Not within a transformer.
    pub no_transformer: bool,
    /// Prints nothing in outputs.
    pub filter_only: bool,
    /// The values are one whole: `in` asks for all of them, `intersects` for one, and no other comparison
    /// applies.
    pub whole_list: bool,
    /// Values are compared one after the other: `!=` asks for one that differs, not for none that is equal.
    pub one_differs: bool,
}

impl Limits {
    /// No limit.
    pub const NONE: Self = Self {
        no_right_side: false,
        no_transformer: false,
        filter_only: false,
        whole_list: false,
        one_differs: false,
    };
    /// Neither on the right side nor within a transformer.
    pub const LEFT_SIDE: Self = Self {
        no_right_side: true,
        no_transformer: true,
        ..Self::NONE
    };
    /// The values are one whole, which does not stand on the right side.
    pub const LIST: Self = Self {
        no_right_side: true,
        whole_list: true,
        ..Self::NONE
    };
    /// On the left side of conditions, nowhere else.
    pub const FILTER: Self = Self {
        filter_only: true,
        ..Self::LEFT_SIDE
    };
}

/// The declaration of one field.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The full name, such as `sf.proc.exe`.
    pub name: &'static str,
    /// The type of each value.
    pub ty: Type,
    /// Whether the field can have several values.
    pub list: bool,
    /// The argument that it takes.
    pub argument: Argument,
    /// What an absent answer means.
    pub absence: Absence,
    /// What it tells an index of rules.
    pub role: Role,
    /// The kinds of observation that can carry it.
    pub kinds: KindSet,
    /// All texts that the field can have, or empty when the set is open.
    pub domain: &'static [&'static str],
    /// How texts for people show it.
    pub shown: Shown,
    /// Where it may not stand.
    pub limits: Limits,
    /// Its type in Falco, where that is not the [usual](FalcoType::from) one.
    pub falco: Option<FalcoType>,
    /// Meaning, with units.
    pub doc: &'static str,
}

/// Another name for a field.
#[derive(Clone, Copy, Debug)]
pub struct Alias {
    /// The other name.
    pub name: &'static str,
    /// The name of the field that it stands for.
    pub target: &'static str,
}

/// A well-known field that this source cannot answer.
#[derive(Clone, Copy, Debug)]
pub struct Foreign {
    /// The name.
    pub name: &'static str,
    /// Why not, as the end of the sentence "cannot run on this source: NAME …".
    pub reason: &'static str,
}

/// The fields of one source of observations.
#[derive(Debug)]
pub struct Catalogue {
    /// What the source is called in messages: `records`, `events`.
    pub source: &'static str,
    /// The fields; a [`FieldId`] is an index into them.
    pub fields: &'static [Field],
    /// Other names of them.
    pub aliases: &'static [Alias],
    /// Names that users know from elsewhere and that this source cannot answer.
    pub foreign: &'static [Foreign],
    /// The source whose other fields users may expect here.
    pub elsewhere: Option<Elsewhere>,
    /// The kinds of observation, as [`Role::Kind`] fields spell them.
    pub kinds: &'static [&'static str],
    /// The operations, as [`Role::Operation`] fields spell them, with the bits that they stand for.
    pub operations: &'static [(&'static str, u64)],
    /// What an operation that is not listed stands for, if all others have that bit in common.
    pub other_operations: Option<u64>,
    /// Whether a word names an operation at all, with bits or without; `None` where that is not known.
    pub is_operation: Option<fn(&str) -> bool>,
    /// The prefix that users may leave out of names (`sf.`).
    pub default_prefix: &'static str,
    /// What the argument of a field that needs one decides.
    pub keys: Keys,
}

/// Another source, none of whose fields can be answered unless they are declared.
#[derive(Clone, Copy, Debug)]
pub struct Elsewhere {
    /// Its fields.
    pub catalogue: &'static Catalogue,
    /// Why they cannot be answered here.
    pub reason: &'static str,
}

/// What depends on the argument of a field that [needs one](Argument::Key).
#[derive(Clone, Copy, Debug)]
pub struct Keys {
    /// The field that answers for a dotted argument, for values of another type as an other one; `None` where
    /// no observation has such an argument.
    pub field: fn(FieldId, &str) -> Option<FieldId>,
    /// The operations of which an observation must stand for at least one to have a value, as bits of
    /// [`Catalogue::operations`]; `None` where that is not known.
    pub operations: fn(FieldId, &Arg) -> Option<u64>,
}

impl Keys {
    /// Any argument goes, and tells nothing.
    pub const ANY: Self = Self {
        field: |field, _| Some(field),
        operations: |_, _| None,
    };
}

/// A name that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The field.
    pub id: FieldId,
    /// The argument given.
    pub arg: Arg,
}

/// A name that was not found, or not with that argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unresolved {
    /// No source has such a field; the nearest names, best first.
    Unknown {
        /// Names that look alike, best first.
        suggestions: Vec<&'static str>,
    },
    /// The field is known, but not to this source.
    Foreign {
        /// Why this source cannot answer it.
        reason: &'static str,
    },
    /// The argument does not fit the field.
    BadArgument {
        /// What is wrong with it.
        problem: String,
    },
}

impl Field {
    /// Its type in Falco.
    pub fn falco_type(&self) -> FalcoType {
        self.falco.unwrap_or_else(|| self.ty.into())
    }
}

impl Catalogue {
    /// The declaration of a field.
    pub fn field(&self, id: FieldId) -> &'static Field {
        &self.fields[usize::from(id.0)]
    }

    /// The id of the field with exactly this name or alias.
    pub fn find(&self, name: &str) -> Option<FieldId> {
        let name = self
            .aliases
            .iter()
            .find(|alias| alias.name == name)
            .map_or(name, |alias| alias.target);
        let position = self.fields.iter().position(|field| field.name == name)?;
        u16::try_from(position).ok().map(FieldId)
    }

    /// Finds the field that `text` asks for: a name or an alias, with an argument in brackets or, for
    /// fields that require one, as a further dotted part. The [default prefix](Self::default_prefix)
    /// may be left out.
    pub fn resolve(&self, text: &str) -> Result<Resolved, Unresolved> {
        self.look_up(text, true)
    }

    /// The field that `text` asks for, if there is one, without looking for what else could be meant.
    pub fn known(&self, text: &str) -> Option<Resolved> {
        self.look_up(text, false).ok()
    }

    fn look_up(&self, text: &str, suggests: bool) -> Result<Resolved, Unresolved> {
        let (name, bracketed) = match text.find('[') {
            Some(start) if text.ends_with(']') => {
                (&text[..start], Some(&text[start + 1..text.len() - 1]))
            }
            _ => (text, None),
        };
        let prefixed = format!("{}{name}", self.default_prefix);
        if let Some(id) = self.find(name).or_else(|| self.find(&prefixed)) {
            return Ok(Resolved {
                id,
                arg: self.argument(id, bracketed)?,
            });
        }
        if bracketed.is_none()
            && let Some(resolved) = self.resolve_dotted(name)
        {
            return resolved;
        }
        match self.reason_against(name, text) {
            Some(reason) => Err(Unresolved::Foreign { reason }),
            None => Err(Unresolved::Unknown {
                suggestions: if suggests {
                    self.suggest(name)
                } else {
                    Vec::new()
                },
            }),
        }
    }

    /// Why this source cannot answer a name that users know.
    fn reason_against(&self, name: &str, text: &str) -> Option<&'static str> {
        let mut foreign = self.foreign.iter();
        let own = foreign.find(|foreign| is_name_or_part(foreign.name, name));
        own.map(|foreign| foreign.reason).or_else(|| {
            let elsewhere = self.elsewhere.as_ref()?;
            elsewhere.catalogue.known(text).map(|_| elsewhere.reason)
        })
    }

    /// Whether `word` is meant as a field: something that [`resolve`](Self::resolve) finds, or a dotted
    /// word whose first part is that of a known field.
    pub fn looks_like_field(&self, word: &str) -> bool {
        let Some((family, _)) = word.split_once('.') else {
            return false;
        };
        let names = self.fields.iter().map(|field| field.name);
        names
            .chain(self.aliases.iter().map(|alias| alias.name))
            .chain(self.foreign.iter().map(|foreign| foreign.name))
            .any(|name| {
                name.split_once('.')
                    .is_some_and(|(first, _)| first == family)
            })
    }

    /// The bits of the operation that a [`Role::Operation`] field spells `name`.
    pub fn operation(&self, name: &[u8]) -> Option<u64> {
        let found = self
            .operations
            .iter()
            .find(|(known, _)| known.as_bytes() == name);
        found.map(|(_, bits)| *bits).or(self.other_operations)
    }

    /// The kind that a [`Role::Kind`] field spells `name`.
    pub fn kind(&self, name: &[u8]) -> Option<u32> {
        let position = self.kinds.iter().position(|kind| kind.as_bytes() == name)?;
        u32::try_from(position).ok()
    }

    fn resolve_dotted(&self, name: &str) -> Option<Result<Resolved, Unresolved>> {
        let split_points = name.rmatch_indices('.').map(|(at, _)| at);
        for at in split_points {
            let (base, rest) = (&name[..at], &name[at + 1..]);
            let found = self
                .find(base)
                .filter(|id| self.field(*id).argument == Argument::Key);
            if let Some(id) = found
                && !rest.is_empty()
            {
                let arg = Arg::Key(rest.into());
                return Some(match (self.keys.field)(id, rest) {
                    Some(id) => Ok(Resolved { id, arg }),
                    None => Err(Unresolved::BadArgument {
                        problem: format!("no observation has `{rest}` of {base}"),
                    }),
                });
            }
        }
        None
    }

    fn argument(&self, id: FieldId, given: Option<&str>) -> Result<Arg, Unresolved> {
        let field = self.field(id);
        let problem = |problem: String| Err(Unresolved::BadArgument { problem });
        let unquoted = given.map(|text| text.trim_matches(['"', '\'']));
        match (field.argument, unquoted) {
            (Argument::None, Some(_)) => problem(format!("{} takes no argument", field.name)),
            (Argument::Key, None) => problem(format!(
                "{} needs a name, as in {}[NAME]",
                field.name, field.name
            )),
            (_, None) => Ok(Arg::None),
            (_, Some("")) => problem(format!("the argument of {} is empty", field.name)),
            (Argument::OptionalIndex, Some(text)) => match text.parse() {
                Ok(index) => Ok(Arg::Index(index)),
                Err(_) => problem(format!("{} takes a position, not `{text}`", field.name)),
            },
            (Argument::OptionalKey, Some(text)) => Ok(text
                .parse()
                .map_or_else(|_| Arg::Key(text.into()), Arg::Index)),
            (Argument::Key | Argument::JsonPath, Some(text)) => Ok(Arg::Key(text.into())),
        }
    }

    fn suggest(&self, name: &str) -> Vec<&'static str> {
        let names = self.fields.iter().map(|field| field.name);
        let all = names.chain(self.aliases.iter().map(|alias| alias.name));
        let bare = |text: &str| {
            text.strip_prefix(self.default_prefix)
                .unwrap_or(text)
                .to_owned()
        };
        let (bare_name, has_prefix) = (bare(name), name.starts_with(self.default_prefix));
        let mut scored: Vec<(f64, &'static str)> = all
            .map(|known| {
                let score = strsim::jaro_winkler(&bare(known), &bare_name);
                // Of equals, the form that the user wrote is the better hint.
                let same_form = known.starts_with(self.default_prefix) == has_prefix;
                (if same_form { score } else { score - 0.001 }, known)
            })
            .filter(|(score, _)| *score > 0.85)
            .collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0));
        scored.into_iter().map(|(_, known)| known).take(3).collect()
    }
}

/// Whether `name` is `known` or a dotted part below it (`evt.arg` covers `evt.arg.flags`).
fn is_name_or_part(known: &str, name: &str) -> bool {
    name.strip_prefix(known)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: Field = Field {
        name: "",
        ty: Type::Text,
        list: false,
        argument: Argument::None,
        absence: Absence::Zero,
        role: Role::Plain,
        kinds: KindSet::ALL,
        domain: &[],
        shown: Shown::AsIs,
        limits: Limits::NONE,
        falco: None,
        doc: "",
    };

    static CATALOGUE: Catalogue = Catalogue {
        source: "tests",
        fields: &[
            Field {
                name: "sf.proc.exe",
                ..BASE
            },
            Field {
                name: "proc.aname",
                argument: Argument::OptionalIndex,
                ..BASE
            },
            Field {
                name: "proc.env",
                argument: Argument::OptionalKey,
                ..BASE
            },
            Field {
                name: "evt.arg",
                argument: Argument::Key,
                ..BASE
            },
        ],
        aliases: &[Alias {
            name: "proc.exe",
            target: "sf.proc.exe",
        }],
        elsewhere: None,
        foreign: &[Foreign {
            name: "proc.loginuid",
            reason: "is not recorded",
        }],
        kinds: &["PE"],
        operations: &[("EXEC", 2)],
        other_operations: None,
        is_operation: None,
        default_prefix: "sf.",
        keys: Keys {
            field: |id, key| (key != "nothing").then_some(id),
            ..Keys::ANY
        },
    };

    fn id(text: &str) -> u16 {
        CATALOGUE.resolve(text).unwrap().id.0
    }

    fn arg(text: &str) -> Arg {
        CATALOGUE.resolve(text).unwrap().arg
    }

    #[test]
    fn finds_names_aliases_prefixes_and_arguments() {
        assert_eq!((id("sf.proc.exe"), id("proc.exe")), (0, 0));
        assert_eq!(arg("proc.aname[2]"), Arg::Index(2));
        assert_eq!(arg("proc.env[PATH]"), Arg::Key("PATH".into()));
        assert_eq!(arg("proc.env[3]"), Arg::Index(3));
        assert_eq!(
            (id("evt.arg.flags"), arg("evt.arg.flags")),
            (3, Arg::Key("flags".into()))
        );
    }

    #[test]
    fn says_why_a_name_is_not_found() {
        let Err(Unresolved::Unknown { suggestions }) = CATALOGUE.resolve("sf.proc.ex") else {
            panic!("a misspelt name must not be found");
        };
        assert_eq!(suggestions.first(), Some(&"sf.proc.exe"));
        assert!(matches!(
            CATALOGUE.resolve("proc.loginuid"),
            Err(Unresolved::Foreign { .. })
        ));
        assert!(matches!(
            CATALOGUE.resolve("evt.arg"),
            Err(Unresolved::BadArgument { .. })
        ));
        assert!(matches!(
            CATALOGUE.resolve("evt.arg.nothing"),
            Err(Unresolved::BadArgument { .. })
        ));
        assert!(matches!(
            CATALOGUE.resolve("sf.proc.exe[1]"),
            Err(Unresolved::BadArgument { .. })
        ));
        assert!(matches!(
            CATALOGUE.resolve("proc.aname[x]"),
            Err(Unresolved::BadArgument { .. })
        ));
    }

    #[test]
    fn tells_fields_from_words() {
        assert!(CATALOGUE.looks_like_field("sf.anything"));
        assert!(!CATALOGUE.looks_like_field("/usr/bin/python2.7"));
        assert!(!CATALOGUE.looks_like_field("10.0.0.1"));
        assert!(!CATALOGUE.looks_like_field("sf"));
    }
}
