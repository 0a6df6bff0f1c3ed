//! What Falco itself would say about rule files: its codes, and whether it would take the files.
//!
//! Falco stops at the first error of a file, this crate leaves the item out and goes on; and it takes some
//! things that Falco refuses. So each [`Diagnostic`] bears the code that Falco has for it, if it has one, and
//! [`Diagnostics::falco_result`] puts together what Falco would have told.

use serde_json::json;

use crate::diagnostic::{Diagnostic, Diagnostics};

/// The version of Falco's rules engine whose language this crate speaks.
pub const ENGINE_VERSION: (u32, u32, u32) = (0, 63, 0);

/// Fields that Falco still has, but warns of.
pub(crate) const RETIRED_FIELDS: [&str; 6] = [
    "evt.dir",
    "evt.latency",
    "evt.latency.s",
    "evt.latency.ns",
    "evt.latency.human",
    "evt.wait_latency",
];

macro_rules! falco_codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $words:literal;)+) => {
        /// A code of Falco's for an error or a warning of a rule file.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum FalcoCode { $($(#[$doc])* $variant,)+ }

        impl FalcoCode {
            /// The code as Falco prints it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What it means.
            pub const fn description(self) -> &'static str {
                match self { $(Self::$variant => $words,)+ }
            }
        }
    };
}

falco_codes! {
    /// The file cannot be read.
    FileRead = "LOAD_ERR_FILE_READ", "a file cannot be read";
    /// Not YAML.
    YamlParse = "LOAD_ERR_YAML_PARSE", "a file is not YAML";
    /// Wrong shapes or keys.
    YamlValidate = "LOAD_ERR_YAML_VALIDATE", "an item has not the shape or the keys that it needs";
    /// A condition that does not compile.
    CompileCondition = "LOAD_ERR_COMPILE_CONDITION", "a condition does not compile";
    /// An output that does not compile.
    CompileOutput = "LOAD_ERR_COMPILE_OUTPUT", "an output does not compile";
    /// Items that do not go together.
    Validate = "LOAD_ERR_VALIDATE", "an item does not fit what is there";
    /// A rule for a source that does not exist.
    UnknownSource = "LOAD_UNKNOWN_SOURCE", "a rule is for an unknown source";
    /// A comparison with `<NA>` that does not do what it seems to.
    UnsafeNaCheck = "LOAD_UNSAFE_NA_CHECK", "a comparison with <NA> is not safe";
    /// A rule for all or almost all types of events.
    NoEventType = "LOAD_NO_EVTTYPE", "a condition is for too many types of events";
    /// A rule that is skipped because it asks for something unknown.
    UnknownFilter = "LOAD_UNKNOWN_FILTER", "a rule asks for something unknown and is skipped";
    /// A macro that nothing refers to.
    UnusedMacro = "LOAD_UNUSED_MACRO", "a macro is not used";
    /// A list that nothing refers to.
    UnusedList = "LOAD_UNUSED_LIST", "a list is not used";
    /// An item of no known type.
    UnknownItem = "LOAD_UNKNOWN_ITEM", "an item is of no known type";
    /// A key that the item does not have.
    UnknownKey = "LOAD_UNKNOWN_KEY", "an item has an unknown key";
    /// An old way to say it.
    DeprecatedItem = "LOAD_DEPRECATED_ITEM", "a deprecated way to say it";
    /// An exception that is added to without values.
    AppendNoValues = "LOAD_APPEND_NO_VALUES", "nothing is added to an exception";
    /// Two exceptions of one name.
    ExceptionNameNotUnique = "LOAD_EXCEPTION_NAME_NOT_UNIQUE", "two exceptions have one name";
    /// A macro whose name cannot be used.
    InvalidMacroName = "LOAD_INVALID_MACRO_NAME", "the name of a macro has not the right form";
    /// A list whose name cannot be used.
    InvalidListName = "LOAD_INVALID_LIST_NAME", "the name of a list has not the right form";
    /// A condition that is probably not meant so.
    ConditionHint = "LOAD_COMPILE_CONDITION", "a condition can be put better";
}

impl FalcoCode {
    /// Whether Falco refuses a file with it.
    pub const fn is_error(self) -> bool {
        matches!(
            self,
            Self::FileRead
                | Self::YamlParse
                | Self::YamlValidate
                | Self::CompileCondition
                | Self::CompileOutput
                | Self::Validate
        )
    }
}

/// When Falco finds a problem: it goes through all items first, then through all macros, then it takes the rules
/// one by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    #[default]
    Read,
    Macros(Step),
    /// Of the rule with that number.
    Rule(u32, Step),
    End,
}

/// How far Falco has come with a macro or a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// The output is looked at.
    Output,
    /// The condition is read.
    Parse,
    /// Macros are put in place of their names.
    Macros,
    /// What is not forbidden is warned of.
    Warn,
    /// Fields are looked up, values converted.
    Compile,
    /// Nothing was wrong.
    Done,
}

/// What Falco would say about rule files.
#[derive(Clone, Debug, Default)]
pub struct FalcoResult {
    /// The first problem that makes Falco refuse the files, with the code for it. It looks no further.
    pub error: Option<(FalcoCode, Diagnostic)>,
    /// The warnings that Falco gives before that, or all.
    pub warnings: Vec<(FalcoCode, Diagnostic)>,
}

impl FalcoResult {
    /// Whether Falco would take the files.
    pub const fn is_successful(&self) -> bool {
        self.error.is_none()
    }
}

impl Diagnostics {
    /// What Falco would say about the files, as far as it is told apart here: Falco compiles the rules anew
    /// after each file, so it also refuses files that only later ones make good.
    pub fn falco_result(&self) -> FalcoResult {
        let mut bearing: Vec<(FalcoCode, &Diagnostic)> = self
            .all()
            .filter_map(|diagnostic| Some((diagnostic.falco?, diagnostic)))
            .collect();
        bearing.sort_by_key(|(_, diagnostic)| diagnostic.turn());
        let mut result = FalcoResult::default();
        for (code, diagnostic) in bearing {
            if code.is_error() {
                result.error = Some((code, diagnostic.clone()));
                break;
            }
            result.warnings.push((code, diagnostic.clone()));
        }
        result
    }

    /// The same as Falco prints it when it validates files: an object for each file, with `name`,
    /// `successful`, `schema_valid`, `schema_warnings`, `errors` and `warnings`; each of the latter two with
    /// `context`, `code`, `codedesc` and `message`.
    pub fn falco_json(&self) -> serde_json::Value {
        let result = self.falco_result();
        let object = |(code, diagnostic): &(FalcoCode, Diagnostic)| {
            let span = diagnostic.span();
            let (start, _) = self.positions(span);
            json!({
                "context": {"locations": [{
                    "item_type": diagnostic.item.0,
                    "item_name": diagnostic.item.1,
                    "position": {
                        "name": self.file_name(span),
                        // Falco counts both from 0.
                        "line": start.line - 1,
                        "column": start.column - 1,
                        "offset": span.start,
                    },
                }], "snippet": self.snippet_of(span)},
                "code": code.name(),
                "codedesc": code.description(),
                "message": diagnostic.message,
            })
        };
        let files = self.rule_files().iter().enumerate().map(|(number, file)| {
            let here = |(_, diagnostic): &&(FalcoCode, Diagnostic)| {
                diagnostic.span().file as usize == number
            };
            let errors: Vec<_> = result.error.iter().filter(here).map(object).collect();
            let warnings: Vec<_> = result.warnings.iter().filter(here).map(object).collect();
            json!({
                "name": file.name,
                "successful": errors.is_empty(),
                // Files are not held against a schema here.
                "schema_valid": "none",
                "schema_warnings": [],
                "errors": errors,
                "warnings": warnings,
            })
        });
        json!({ "falco_load_results": files.collect::<Vec<_>>() })
    }
}
