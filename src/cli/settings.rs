//! The user's settings: `config.toml`, and the folders that the desktop's conventions give.
//!
//! A file that cannot be understood is no reason not to start: a notice says what is wrong, and the rest holds.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::cli::context::{Global, ThemeFlag};
use crate::tui::Options;
use crate::tui::graphics::PictureChoice;
use crate::tui::keymap::Keymap;
use crate::tui::theme::{ASCII, ColorChoice, ColorDepth, Palette, Theme, UNICODE};

/// What `config.toml` says, and what is wrong with it.
#[derive(Debug, Default)]
pub struct Settings {
    file: SettingsFile,
    notices: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SettingsFile {
    theme: Option<ThemeFlag>,
    color: Option<ColorChoice>,
    ascii: bool,
    mouse: bool,
    pictures: Option<PictureChoice>,
    keys: BTreeMap<String, Keys>,
}

/// One key, or several.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Keys {
    One(String),
    Several(Vec<String>),
}

impl Settings {
    /// Reads `$XDG_CONFIG_HOME/cupl-tui/config.toml`, if it is there.
    pub fn read() -> Self {
        let Some(path) = folder("XDG_CONFIG_HOME", ".config").map(|dir| dir.join("config.toml")) else {
            return Self::default();
        };
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::parse(&text, &path.display().to_string()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::default(),
            Err(error) => Self {
                notices: vec![format!("the settings {} cannot be read: {error}", path.display())],
                ..Self::default()
            },
        }
    }

    fn parse(text: &str, name: &str) -> Self {
        match toml::from_str(text) {
            Ok(file) => Self { file, notices: Vec::new() },
            Err(error) => {
                let notice =
                    format!("the settings {name} are not used, since they cannot be understood:\n{error}");
                Self { file: SettingsFile::default(), notices: vec![notice] }
            }
        }
    }

    /// What the screens need to know. Flags come before the file.
    pub fn options(self, global: &Global, utf8: bool, variable: impl Fn(&str) -> Option<String>) -> Options {
        let theme = global.theme.or(self.file.theme);
        let color = match (global.color, self.file.color) {
            (ColorChoice::Auto, Some(color)) => color,
            (flag, _) => flag,
        };
        let depth = match theme {
            Some(ThemeFlag::Mono) => ColorDepth::Mono,
            _ => ColorDepth::detect(color, variable),
        };
        let palette = match theme {
            Some(ThemeFlag::Light) => Palette::Light,
            Some(ThemeFlag::Dark) => Palette::Dark,
            Some(ThemeFlag::Auto | ThemeFlag::Mono) | None => Palette::Unknown,
        };
        let glyphs = if global.ascii || self.file.ascii || !utf8 { ASCII } else { UNICODE };
        let wishes = self.file.keys.into_iter().map(|(name, keys)| {
            let keys = match keys {
                Keys::One(key) => vec![key],
                Keys::Several(keys) => keys,
            };
            (name, keys)
        });
        let (keymap, refused) = Keymap::with(&wishes.collect());
        let mut notices = self.notices;
        notices.extend(refused.into_iter().map(|refusal| format!("config.toml, {refusal}")));
        let pictures = global.pictures.or(self.file.pictures).unwrap_or(PictureChoice::Auto);
        let theme = Theme { depth, palette, glyphs };
        let store_flag = global.store.clone();
        Options { theme, pictures, keymap, mouse: self.file.mouse, notices, store_flag }
    }
}

/// Where recent experiments and how they were left are kept.
pub fn state_dir() -> Option<PathBuf> {
    folder("XDG_STATE_HOME", ".local/state")
}

/// This program's folder under a variable of the XDG base directories, or under its default in the home.
fn folder(variable: &str, in_home: &str) -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute(variable).or_else(|| absolute("HOME").map(|home| home.join(in_home)))?;
    Some(base.join("cupl-tui"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::actions::Action;

    fn options(text: &str, theme: Option<ThemeFlag>) -> Options {
        let global = Global {
            store: None,
            store_wait: 60,
            threads: None,
            color: ColorChoice::Auto,
            ascii: false,
            theme,
            pictures: None,
        };
        let variable = |name: &str| (name == "COLORTERM").then(|| "truecolor".to_owned());
        Settings::parse(text, "config.toml").options(&global, true, variable)
    }

    proptest::proptest! {
        /// Whatever stands in the file, there are keys and colours.
        #[test]
        fn no_file_brings_it_down(
            words in proptest::collection::vec(
                proptest::sample::select(vec![
                    "theme", "keys", "[keys]", "[[keys]]", "=", "\n", "\"", "'", "\"\"\"", "{", "}", "[", "]", ",", ".", "#", "\\u{7}",
                    "sort", "mouse", "true", "1e999", "\"R\"", "\"light\"", "0x", "-", "\u{0}", "カ", " ",
                ]),
                0..60,
            ),
        ) {
            let options = options(&words.concat(), None);
            proptest::prop_assert!(options.notices.iter().all(|notice| notice.contains("config.toml")));
        }
    }

    #[test]
    fn settings_are_taken_and_flags_come_first() {
        let file = "theme = \"light\"\nmouse = true\nascii = true\n[keys]\nsort = [\"S\"]\nreverse = \"R\"";
        let taken = options(file, None);
        assert_eq!(taken.notices, Vec::<String>::new());
        assert_eq!((taken.theme.palette, taken.mouse), (Palette::Light, true));
        assert_eq!(taken.theme.glyphs, ASCII);
        assert_eq!((taken.keymap.key(Action::Sort), taken.keymap.key(Action::Reverse)), ("S", "R"));
        assert_eq!(options(file, Some(ThemeFlag::Mono)).theme.depth, ColorDepth::Mono);
        assert_eq!(options("", None).theme.depth, ColorDepth::True);
        assert_eq!(options("color = \"never\"", None).theme.depth, ColorDepth::Mono);
    }

    #[test]
    fn a_bad_file_gives_a_notice_and_the_defaults() {
        for (text, part) in [
            ("theme = \"pink\"", "pink"),
            ("mouse = ", "config.toml"),
            ("colour = \"never\"", "colour"),
            ("[keys]\nsort = \"r\"", "taken by reverse"),
        ] {
            let options = options(text, None);
            assert_eq!(options.notices.len(), 1, "{text}");
            assert!(options.notices[0].contains(part), "{:?}", options.notices);
            assert_eq!(options.keymap, Keymap::default());
        }
    }
}
