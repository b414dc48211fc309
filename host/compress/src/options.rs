//! Options by name, so that a command line, a checkpoint and the provenance of a network see the same list.

use crate::error::{Error, Result};

/// One option as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Name, as `prune-epochs`.
    pub name: String,
    /// Value.
    pub value: String,
    /// What it means.
    pub help: &'static str,
}

/// A set of options that can be listed and set by name.
pub trait Options {
    /// All options with their present values.
    fn list(&self) -> Vec<Setting>;

    /// Sets the option `name`.
    ///
    /// # Errors
    ///
    /// If there is no such option, or `value` is none of its values.
    fn set(&mut self, name: &str, value: &str) -> Result<()>;

    /// All options as one line of text: `name=value name=value`.
    fn line(&self) -> String {
        let settings = self.list();
        let words: Vec<_> = settings
            .iter()
            .map(|s| format!("{}={}", s.name, s.value))
            .collect();
        words.join(" ")
    }
}

/// A type that an option can have.
pub(crate) trait Value: Sized {
    /// What is expected, for error messages.
    const EXPECTED: &'static str;
    /// What is expected of a list of them.
    const LIST: &'static str = "numbers with commas between, or nothing";
    fn parse(text: &str) -> Option<Self>;
    fn show(&self) -> String;
}

macro_rules! plain_value {
    ($type:ty, $expected:literal, $check:expr) => {
        impl Value for $type {
            const EXPECTED: &'static str = $expected;
            fn parse(text: &str) -> Option<Self> {
                text.parse().ok().filter($check)
            }
            fn show(&self) -> String {
                self.to_string()
            }
        }
    };
}
plain_value!(usize, "a whole number", |_| true);
plain_value!(u64, "a whole number", |_| true);
plain_value!(f64, "a finite number, not below 0", |v: &f64| v.is_finite()
    && *v >= 0.0);
plain_value!(f32, "a finite number, not below 0", |v: &f32| v.is_finite()
    && *v >= 0.0);
plain_value!(bool, "true or false", |_| true);
plain_value!(String, "a name", |name: &String| !name.is_empty());

impl<T: Value> Value for Vec<T> {
    const EXPECTED: &'static str = T::LIST;
    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Vec::new());
        }
        text.split(',').map(|part| T::parse(part.trim())).collect()
    }
    fn show(&self) -> String {
        self.iter().map(T::show).collect::<Vec<_>>().join(",")
    }
}

pub(crate) fn parse<T: Value>(name: &str, value: &str) -> Result<T> {
    T::parse(value).ok_or_else(|| invalid(name, value, T::EXPECTED))
}

pub(crate) fn invalid(name: &str, value: impl ToString, expected: &str) -> Error {
    Error::Option {
        name: name.to_string(),
        value: value.to_string(),
        expected: expected.to_string(),
    }
}

/// Defines a struct of options, its defaults, and [`Options`] for it. The documentation of a field is its help text.
macro_rules! options {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[doc = $help:literal])* $field:ident: $type:ty = $default:expr, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $( $(#[doc = $help])* pub $field: $type, )*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $field: $default, )* }
            }
        }

        impl $crate::options::Options for $name {
            fn list(&self) -> Vec<$crate::options::Setting> {
                vec![ $( $crate::options::Setting {
                    name: stringify!($field).replace('_', "-"),
                    value: $crate::options::Value::show(&self.$field),
                    help: concat!($($help),*).trim(),
                }, )* ]
            }

            fn set(&mut self, name: &str, value: &str) -> $crate::Result<()> {
                match name.replace('-', "_").as_str() {
                    $( stringify!($field) => self.$field = $crate::options::parse(name, value)?, )*
                    _ => {
                        let names: Vec<_> = self.list().into_iter().map(|s| s.name).collect();
                        let expected = format!("there is no such option; there are: {}", names.join(", "));
                        return Err($crate::options::invalid(name, value, &expected));
                    }
                }
                Ok(())
            }
        }
    };
}
pub(crate) use options;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Hidden, TrainOptions};

    #[test]
    fn every_option_is_set_by_its_name_and_value() {
        let mut options = TrainOptions::default();
        for setting in TrainOptions::default().list() {
            options.set(&setting.name, &setting.value).unwrap();
            assert!(!setting.help.is_empty(), "{}", setting.name);
        }
        assert_eq!(options, TrainOptions::default());
        options.set("hidden", "20, 10").unwrap();
        options.set("rate", "0.5").unwrap();
        assert_eq!(
            (options.hidden.as_slice(), options.rate),
            (&[20, 10].map(Hidden::Dense)[..], 0.5)
        );
        options.set("hidden", "").unwrap();
        assert!(options.hidden.is_empty());
        assert!(
            options.line().starts_with("hidden= epochs="),
            "{}",
            options.line()
        );
    }

    #[test]
    fn wrong_names_and_values_are_refused() {
        let mut options = TrainOptions::default();
        for (name, value, what) in [
            ("rate", "-1", "not below 0"),
            ("rate", "NaN", "finite"),
            ("epochs", "1.5", "whole number"),
            ("hidden", "1,,2", "commas"),
            ("speed", "1", "no such option; there are: hidden, epochs"),
        ] {
            let message = options.set(name, value).unwrap_err().to_string();
            assert!(
                message.contains(what) && message.contains(name),
                "{message}"
            );
        }
        assert_eq!(options, TrainOptions::default());
    }
}
