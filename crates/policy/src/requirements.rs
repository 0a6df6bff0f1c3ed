//! Versions of the engine and of plugins that files of Falco's need.

use crate::diagnostic::{Code, Diagnostic};
use crate::document::{Entry, Node};
use crate::falco::ENGINE_VERSION;
use crate::items::{Form, Item, Plugin, first_line};
use crate::source::MappedText;

type Version = (u32, u32, u32);

/// Reads `1.2.3`; whatever may follow the numbers does not count.
fn version(text: &str) -> Option<Version> {
    let (major, rest) = text.split_once('.')?;
    let (minor, rest) = rest.split_once('.')?;
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let number = |part: &str| part.parse().ok();
    Some((number(major)?, number(minor)?, number(&rest[..digits])?))
}

/// Whether what is there serves what is needed.
fn serves(there: Version, needed: Version) -> bool {
    there.0 == needed.0 && there >= needed
}

/// What is wrong with the version of the engine that a file needs.
pub(crate) fn engine(text: &MappedText) -> Option<Diagnostic> {
    let plain = text.text.parse::<u32>().ok().map(|minor| (0, minor, 0));
    let Some(needed) = plain.or_else(|| version(&text.text)) else {
        let message = format!("`{}` is not a version", text.text);
        let problem = Diagnostic::error(Code::Shape, text.span, message);
        return Some(problem.help("a version is a number, or three with dots between them"));
    };
    if serves(ENGINE_VERSION, needed) {
        return None;
    }
    let (major, minor, patch) = ENGINE_VERSION;
    let message = format!(
        "this file needs the rules engine {}, and this one is {major}.{minor}.{patch}",
        text.text
    );
    let problem = Diagnostic::error(Code::Requirement, text.span, message);
    Some(problem.falco(crate::FalcoCode::Validate))
}

/// What is wrong with a plugin that a file needs, of which one of several will do.
pub(crate) fn plugin(choice: &[Plugin], there: &[(String, String)]) -> Option<Diagnostic> {
    for plugin in choice {
        if version(&plugin.version.text).is_none() {
            let message = format!("`{}` is not a version", plugin.version.text);
            let problem = Diagnostic::error(Code::Invalid, plugin.version.span, message);
            return Some(problem.help("a version is three numbers with dots between them"));
        }
    }
    let found = choice.iter().find_map(|plugin| {
        let mut there = there.iter();
        let (_, version) = there.find(|(name, _)| *name == plugin.name.text)?;
        Some((plugin, version))
    });
    let first = choice.first()?;
    let Some((plugin, text)) = found else {
        let names: Vec<&str> = choice.iter().map(|one| one.name.text.as_str()).collect();
        let message = format!("this file needs the plugin `{}`", names.join("` or `"));
        // Falco notices that only when it starts.
        return Some(Diagnostic::warning(
            Code::Requirement,
            first.name.span,
            message,
        ));
    };
    let fits = version(text)
        .zip(version(&plugin.version.text))
        .is_some_and(|(there, needed)| serves(there, needed));
    if fits {
        return None;
    }
    let message = format!(
        "this file needs the plugin `{}` {}, and here is {text}",
        plugin.name.text, plugin.version.text
    );
    Some(Diagnostic::warning(
        Code::Requirement,
        plugin.version.span,
        message,
    ))
}

impl Form<'_, '_> {
    pub(crate) fn engine(&mut self) -> Option<Item> {
        self.required("required_engine_version").map(Item::Engine)
    }

    pub(crate) fn plugins(&mut self) -> Option<Item> {
        let node = self.entry("required_plugin_versions")?.value.clone();
        let elements = match node {
            Node::List(elements, _) => elements,
            other => {
                let message = "`required_plugin_versions` takes a list".to_owned();
                self.error(Code::Shape, first_line(other.span()), message);
                return None;
            }
        };
        let mut requirements = Vec::with_capacity(elements.len());
        for element in &elements {
            let Node::Map(entries, _) = element else {
                let message = "a plugin has `name` and `version`".to_owned();
                self.error(Code::Shape, first_line(element.span()), message);
                continue;
            };
            let mut choice: Vec<Plugin> = self.plugin(entries).into_iter().collect();
            let alternatives = entries.iter().find(|e| e.key.text == "alternatives");
            match alternatives.map(|entry| &entry.value) {
                Some(Node::List(others, _)) => {
                    for other in others {
                        match other {
                            Node::Map(entries, _) => choice.extend(self.plugin(entries)),
                            other => {
                                let message = "a plugin has `name` and `version`".to_owned();
                                self.error(Code::Shape, first_line(other.span()), message);
                            }
                        }
                    }
                }
                None => {}
                Some(Node::Null(span)) => self.refused_nothing("alternatives", *span),
                Some(other) => {
                    let message = "`alternatives` takes a list".to_owned();
                    self.error(Code::Shape, first_line(other.span()), message);
                }
            }
            for (index, plugin) in choice.iter().enumerate() {
                let earlier = choice[..index]
                    .iter()
                    .any(|known| known.name.text == plugin.name.text);
                if earlier {
                    let message = format!("the plugin `{}` is named twice", plugin.name.text);
                    self.error(Code::Invalid, plugin.name.span, message);
                }
            }
            requirements.push(choice);
        }
        Some(Item::Plugins(requirements))
    }

    fn plugin(&mut self, entries: &[Entry]) -> Option<Plugin> {
        let text = |key: &str| {
            let entry = entries.iter().find(|entry| entry.key.text == key)?;
            match &entry.value {
                Node::Scalar(text) => Some(text.clone()),
                _ => None,
            }
        };
        if let (Some(name), Some(version)) = (text("name"), text("version")) {
            return Some(Plugin { name, version });
        }
        let span = entries
            .first()
            .map_or(self.raw.span, |entry| entry.key.span);
        self.error(
            Code::Shape,
            span,
            "a plugin has `name` and `version`".to_owned(),
        );
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(text: &str) -> bool {
        engine(&MappedText::verbatim(text, 0, 0)).is_none()
    }

    #[test]
    fn engines_serve_files_that_are_not_newer() {
        assert!(needs("0.57.0.1") && needs("0.57.0foo"));
        assert!(needs("7") && needs("0.31.0") && needs("63") && needs("0.63.0"));
        assert!(!needs("64") && !needs("0.63.1") && !needs("1.0.0") && !needs("x"));
    }

    #[test]
    fn one_of_several_plugins_will_do() {
        let plugin_of = |name: &str, version: &str| Plugin {
            name: MappedText::verbatim(name, 0, 0),
            version: MappedText::verbatim(version, 0, 0),
        };
        let there = [("b".to_owned(), "0.4.2".to_owned())];
        let serves = |choice: &[Plugin]| plugin(choice, &there).is_none();
        assert!(serves(&[plugin_of("a", "1.0.0"), plugin_of("b", "0.4.0")]));
        assert!(!serves(&[plugin_of("b", "0.5.0")]));
        assert!(!serves(&[plugin_of("b", "1.0.0")]));
        assert!(!serves(&[plugin_of("a", "1.0.0")]));
        assert!(!serves(&[plugin_of("b", "1")]));
    }
}
