//! Tests as they are written.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_saphyr::{Location, Options, Spanned};
use sysflow_policy::Priority;
use sysflow_story::{Error, Story};

use super::{ENDING, TestError};
use crate::policies::{self, PolicyError};

/// A file of tests.
#[derive(Clone, Debug)]
pub struct TestFile {
    /// Where it is.
    pub path: PathBuf,
    /// What comes before each story.
    pub(super) scene: Story,
    /// Its tests, in their order.
    pub tests: Vec<Test>,
}

/// A test.
#[derive(Clone, Debug)]
pub struct Test {
    /// Its name.
    pub name: String,
    /// The line on which it begins.
    pub line: u64,
    pub(super) story: Story,
    /// A recording in place of a story, relative to the file.
    pub(super) recording: Option<PathBuf>,
    /// What must fire and what must not.
    pub expect: Vec<Expectation>,
    /// Whether other rules may fire.
    pub others: Others,
    /// The least urgent priority that counts for others.
    pub least: Option<Priority>,
}

/// A rule that must fire, or must not.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// Its name.
    pub rule: String,
    /// The line on which this stands.
    pub line: u64,
    /// How often at least.
    pub at_least: u64,
    /// How often at most.
    pub at_most: Option<u64>,
    /// A condition on what it fires on.
    pub condition: Option<String>,
}

/// Whether rules may fire that are not expected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Others {
    /// They may.
    #[default]
    Any,
    /// They may not.
    None,
}

impl Expectation {
    /// Whether a rule may fire so often.
    pub(super) fn accepts(&self, count: u64) -> bool {
        count >= self.at_least && self.at_most.is_none_or(|most| count <= most)
    }

    /// What is expected, in words.
    pub(super) fn describe(&self) -> String {
        let how_often = match (self.at_least, self.at_most) {
            (_, Some(0)) => "must not fire".to_owned(),
            (1, Some(1)) => "must fire once".to_owned(),
            (least, Some(most)) if least == most => format!("must fire {least} times"),
            (0, Some(most)) => format!("may fire {most} times at most"),
            (least, Some(most)) => format!("must fire {least} to {most} times"),
            (1, None) => "must fire".to_owned(),
            (least, None) => format!("must fire {least} times at least"),
        };
        let condition = match &self.condition {
            Some(condition) => format!(" where {}", condition.trim()),
            None => String::new(),
        };
        format!("rule `{}` {how_often}{condition}", self.rule)
    }
}

/// An item of a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    scene: Option<Story>,
    test: Option<String>,
    story: Option<Story>,
    recording: Option<PathBuf>,
    #[serde(default)]
    expect: Vec<Spanned<Expected>>,
    #[serde(default)]
    others: Others,
    least: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    rule: String,
    count: Option<u64>,
    at_least: Option<u64>,
    at_most: Option<u64>,
    r#where: Option<String>,
}

impl TestFile {
    /// Whether a file is one of tests, by its name.
    pub fn is_one(path: &Path) -> bool {
        let name = path.file_name().map(|name| name.to_string_lossy());
        name.is_some_and(|name| name.ends_with(ENDING))
    }

    /// Reads the tests that a path stands for: a file, or a directory with some at any depth.
    pub fn find(path: &Path) -> Result<Vec<Self>, TestError> {
        let files = policies::find_tests(path)?;
        files.iter().map(|file| Self::read(file)).collect()
    }

    fn read(path: &Path) -> Result<Self, TestError> {
        let bytes = std::fs::read(path).map_err(|source| PolicyError::Read {
            path: path.to_owned(),
            source,
        })?;
        let text = String::from_utf8_lossy(&bytes);
        Self::parse(path, &text).map_err(|source| TestError::Document {
            path: path.to_owned(),
            source,
        })
    }

    /// Reads tests from text.
    ///
    /// # Errors
    ///
    /// Fails with the place of the first thing that is no test.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Error> {
        let mut options = Options::default();
        options.with_snippet = false;
        let items: Vec<Spanned<Item>> = serde_saphyr::from_str_with_options(text, options)
            .map_err(|error| Error::from_yaml(&error))?;
        let mut file = Self {
            path: path.to_owned(),
            scene: Story::default(),
            tests: Vec::new(),
        };
        for item in items {
            let place = item.referenced;
            match item.value {
                Item {
                    scene: Some(scene),
                    test: None,
                    story: None,
                    recording: None,
                    least: None,
                    expect,
                    ..
                } if expect.is_empty() && file.tests.is_empty() => {
                    file.scene = file.scene.then(&scene);
                }
                Item { scene: Some(_), .. } => {
                    return Err(Error::at(
                        place,
                        "a `scene` is an item of its own, before all tests",
                    ));
                }
                item => file.tests.push(Test::of(item, place)?),
            }
        }
        Ok(file)
    }
}

impl Test {
    fn of(item: Item, place: Location) -> Result<Self, Error> {
        let Some(name) = item.test else {
            return Err(Error::at(
                place,
                "this is no test: write `test: NAME`, with a `story` or a `recording`",
            ));
        };
        if item.story.is_some() == item.recording.is_some() {
            let message = format!("test `{name}` needs either a `story` or a `recording`");
            return Err(Error::at(place, message));
        }
        if item.expect.is_empty() && item.others == Others::Any {
            let message =
                format!("test `{name}` expects nothing: write `expect`, or `others: none`");
            return Err(Error::at(place, message));
        }
        let least = match &item.least {
            None => None,
            Some(word) => Some(Priority::parse(word).ok_or_else(|| {
                let known: Vec<&str> = Priority::ALL.iter().map(|known| known.name()).collect();
                let known = known.join(", ");
                Error::at(
                    place,
                    format!("there is no priority `{word}`: write one of {known}"),
                )
            })?),
        };
        let expect = item.expect.into_iter().map(Expectation::of);
        Ok(Self {
            line: place.line(),
            story: item.story.unwrap_or_default(),
            recording: item.recording,
            expect: expect.collect::<Result<_, _>>()?,
            others: item.others,
            least,
            name,
        })
    }
}

impl Expectation {
    fn of(expected: Spanned<Expected>) -> Result<Self, Error> {
        let place = expected.referenced;
        let expected = expected.value;
        let (at_least, at_most) = match (expected.count, expected.at_least, expected.at_most) {
            (Some(count), None, None) => (count, Some(count)),
            (Some(_), ..) => {
                let message = "`count` says it all: leave `at_least` and `at_most` out";
                return Err(Error::at(place, message));
            }
            (None, least, most) => (least.unwrap_or(u64::from(most.is_none())), most),
        };
        if at_most.is_some_and(|most| most < at_least) {
            return Err(Error::at(place, "`at_most` is less than `at_least`"));
        }
        Ok(Self {
            rule: expected.rule,
            line: place.line(),
            at_least,
            at_most,
            condition: expected.r#where,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Expectation, TestFile};

    fn expectation(at_least: u64, at_most: Option<u64>) -> Expectation {
        Expectation {
            rule: "r".to_owned(),
            line: 1,
            at_least,
            at_most,
            condition: None,
        }
    }

    #[test]
    fn counts_are_bounds_and_told_so() {
        for (least, most, words, fits, too_much) in [
            (1, None, "must fire", 3, 0),
            (0, Some(0), "must not fire", 0, 1),
            (1, Some(1), "must fire once", 1, 2),
            (2, Some(4), "must fire 2 to 4 times", 4, 5),
            (0, Some(4), "may fire 4 times at most", 0, 5),
        ] {
            let expected = expectation(least, most);
            assert_eq!(expected.describe(), format!("rule `r` {words}"));
            assert!(expected.accepts(fits) && !expected.accepts(too_much));
        }
    }

    #[test]
    fn tests_cut_off_anywhere_are_read_or_refused() {
        let whole = "- scene:\n    - process: {pid: 5, exe: /x}\n- test: a\n  story:\n    - exit: {pid: 5}\n  \
                     expect:\n    - {rule: r, count: 1, where: 'proc.pid = 5'}\n  others: none\n  least: error\n";
        let file = TestFile::parse(Path::new("x"), whole);
        assert_eq!(file.map(|file| file.tests.len()), Ok(1));
        for end in 0..whole.len() {
            if let Err(error) = TestFile::parse(Path::new("x"), &whole[..end]) {
                assert!(!error.message.is_empty());
            }
        }
    }
}
