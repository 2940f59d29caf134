//! The real binary in a folder of its own, for the tests of its subcommands.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A file of the embedded demo.
pub fn data(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/demo").join(path)
}

/// A folder with photos in class folders, prompt files, and room for a store.
pub struct Bench {
    pub folder: tempfile::TempDir,
}

/// Photos per class in the folder.
pub const PHOTOS: usize = 6;

impl Bench {
    pub fn new() -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap() };
        for class in ["cat", "frog", "truck"] {
            let sheet = image::open(data(&format!("images/{class}.png"))).unwrap();
            let folder = bench.path("photos").join(class);
            fs::create_dir_all(&folder).unwrap();
            for tile in 0..PHOTOS {
                let picture = sheet.crop_imm(32 * tile as u32, 0, 32, 32);
                picture.save(folder.join(format!("{tile}.png"))).unwrap();
            }
        }
        fs::write(bench.path("templates.txt"), "a photo of a {}.\na picture of the {c}.\n").unwrap();
        bench
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cupl-tui"));
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        for name in ["NO_COLOR", "COLORTERM", "XDG_DATA_HOME", "RAYON_NUM_THREADS", "CUPL_TUI_CPU"] {
            command.env_remove(name);
        }
        command.env("HOME", self.folder.path()).env("XDG_DATA_HOME", self.path("data"));
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Standard output of a command that must end with a code.
    pub fn stdout(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{out}\n{err}");
        out
    }

    pub fn json(&self, code: i32, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.stdout(code, arguments)).unwrap()
    }

    /// Standard error of a command that must fail with code 2.
    pub fn complaint(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let err = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}\n{}\n{err}", text(&output.stdout));
        err
    }
}

/// Bytes that a program wrote.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
