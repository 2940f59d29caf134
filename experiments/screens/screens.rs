//! Draws the pictures of the README: the workbench on the demo, screen by screen, as SVG files.
//!
//! `cargo run --release --features offscreen --example screens [FOLDER]` writes them to this folder, or to another one.

use std::error::Error;
use std::path::PathBuf;

use cupl_tui::tui::offscreen::Offscreen;
use cupl_tui::tui::theme::{ColorDepth, Palette, Theme, UNICODE};
use cupl_tui::workbench::{Experiment, StorePlace};
use ratatui::layout::Size;

/// A name, the screen's size, and the keys that lead there from the screen before.
const SCREENS: [(&str, (u16, u16), &str); 10] = [
    ("strategies", (100, 28), "1"),
    ("curve", (100, 28), "c"),
    ("calibration", (100, 30), "p"),
    ("classes", (100, 20), "Esc 2 Enter"),
    ("confusion", (100, 20), "Esc 3 d j v"),
    ("gallery", (100, 30), "Esc 4 f f f"),
    ("inspector", (100, 24), "G n Enter"),
    ("explanation", (100, 34), "x j"),
    ("findings", (100, 24), "7"),
    (
        "prompts",
        (100, 24),
        "2 g e a A Space f r o g Space h a s Space a Space w i d e Space m o u t h Space a n d Space a Space f l a t Space h e a d . Enter",
    ),
];

fn main() -> Result<(), Box<dyn Error>> {
    let folder =
        std::env::args_os().nth(1).map_or_else(|| PathBuf::from("experiments/screens"), PathBuf::from);
    let theme = Theme { depth: ColorDepth::True, palette: Palette::Dark, glyphs: UNICODE };
    let size = Size::new(100, 30);
    let mut workbench = Offscreen::open(Experiment::demo()?, StorePlace::in_memory(), size, theme)?;
    for (name, (width, height), keys) in SCREENS {
        workbench.resize(Size::new(width, height));
        workbench.press(keys);
        std::fs::write(folder.join(name).with_extension("svg"), workbench.svg())?;
    }
    Ok(())
}
