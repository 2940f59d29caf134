//! The one table of actions: key bindings, the hint bar, help and command palette, the names in `config.toml` and the
//! README's key table all come from it.

/// Everything a key can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Show or hide the selected strategy.
    Toggle,
    /// Compare with the selected strategy.
    Baseline,
    /// A new strategy.
    AddStrategy,
    /// Controls of the selected strategy.
    Controls,
    /// How accuracy grows with prompts.
    LearningCurve,
    /// Whether probabilities can be trusted.
    Calibration,
    /// Without the prompts that do harm.
    Prune,
    /// Into what is selected.
    Open,
    /// The next choice of images.
    Filter,
    /// The next image.
    Next,
    /// The image before.
    Previous,
    /// The choice before.
    FilterBack,
    /// One class or all.
    OneClass,
    /// Why an image is seen as it is.
    Explain,
    /// Path to the clipboard.
    CopyPath,
    /// The list as a file.
    WriteList,
    /// Look for text.
    Search,
    /// The next order.
    Sort,
    /// The opposite order.
    Reverse,
    /// Group by change.
    Group,
    /// A, B or the difference.
    Which,
    /// List or matrix.
    Matrix,
    /// Images of the class.
    ClassImages,
    /// Prompts of the class.
    ClassPrompts,
    /// Confusions of the class.
    ClassConfusions,
    /// Disable or enable.
    TogglePrompt,
    /// Another text.
    EditPrompt,
    /// One more prompt.
    AddPrompt,
    /// Take back.
    Undo,
    /// Do again.
    Redo,
    /// The images that edits flip.
    Flips,
    /// Keep as a prompt set.
    SavePrompts,
    /// Prompts by a language model.
    Generate,
    /// A sentence that is not wanted.
    DropSentence,
    /// More sentences of a class.
    MoreSentences,
    /// Why the other strategy sees what it sees.
    OtherExplanation,
    /// Strategy A or B.
    OtherSide,
    /// The next class.
    NextClass,
    /// The class before.
    PreviousClass,
    /// One row down.
    Down,
    /// One row up.
    Up,
    /// One column left.
    Left,
    /// One column right.
    Right,
    /// First row.
    Top,
    /// Last row.
    Bottom,
    /// Half a screen down.
    HalfDown,
    /// Half a screen up.
    HalfUp,
    /// The first screen.
    Strategies,
    /// The second screen.
    Classes,
    /// The third screen.
    Confusion,
    /// The fourth screen.
    Images,
    /// The fifth screen.
    Prompts,
    /// The sixth screen.
    Jobs,
    /// The seventh screen.
    Findings,
    /// The screen to the right.
    NextScreen,
    /// The screen to the left.
    PreviousScreen,
    /// Stop the running job.
    Cancel,
    /// Start the stopped job again.
    Retry,
    /// A store in memory.
    MemoryStore,
    /// Download the checkpoint that is not there.
    Pull,
    /// Do without it.
    Decline,
    /// Another experiment.
    OpenOther,
    /// One step back.
    Back,
    /// Everything that can be done.
    Commands,
    /// All keys.
    Help,
    /// Leave; asks while a job runs.
    Quit,
    /// Leave at once.
    QuitNow,
    /// Back to the shell.
    Suspend,
    /// Draw everything anew.
    Redraw,
}

/// Where the user is, as far as keys are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// The strategies.
    Strategies,
    /// What is shown of A and B as wholes.
    StrategiesPage,
    /// The table of classes.
    Classes,
    /// One class: accuracies, confusions, prompts.
    Class,
    /// The list of confused pairs.
    Pairs,
    /// The confusion matrix around a class.
    Block,
    /// Images as thumbnails.
    Gallery,
    /// One image, large.
    Inspector,
    /// Why A and B see what they see in it.
    Explanation,
    /// The prompts of a class.
    Prompts,
    /// Prompts while a language model writes them.
    Generation,
    /// Jobs and messages.
    Jobs,
    /// What may be wrong with labels and prompts.
    Findings,
    /// Which experiment to open.
    Opening,
    /// A job runs and there is nothing to show yet.
    Loading,
    /// The job was stopped, and there is nothing to show.
    Stopped,
    /// The job failed.
    Problem,
    /// The store cannot be opened.
    StoreProblem,
    /// The question whether to download the checkpoint.
    AbsentCheckpoint,
    /// The list of commands over a screen.
    Commands,
    /// The question whether to quit.
    Leaving,
}

/// One row of the table.
#[derive(Debug)]
pub struct Binding {
    /// What it does.
    pub action: Action,
    /// What `config.toml` calls it.
    pub name: &'static str,
    /// Its keys as [`key_name`](super::keymap::key_name) writes them, unless the user has others.
    pub keys: &'static [&'static str],
    /// Where it works; empty means everywhere.
    pub contexts: &'static [Context],
    /// A word or two for the hint bar; empty keeps it out of there.
    pub hint: &'static str,
    /// A sentence for the help and the README.
    pub description: &'static str,
}

use Context as C;

/// Everywhere in an open session.
const SESSION: &[Context] = &[
    C::Strategies,
    C::StrategiesPage,
    C::Classes,
    C::Class,
    C::Pairs,
    C::Block,
    C::Gallery,
    C::Inspector,
    C::Explanation,
    C::Prompts,
    C::Generation,
    C::Jobs,
    C::Findings,
];

/// Wherever a cursor goes through rows.
const LISTS: &[Context] = &[
    C::Strategies,
    C::StrategiesPage,
    C::Classes,
    C::Class,
    C::Pairs,
    C::Block,
    C::Gallery,
    C::Inspector,
    C::Explanation,
    C::Prompts,
    C::Generation,
    C::Jobs,
    C::Findings,
    C::Opening,
    C::Commands,
    C::Problem,
    C::StoreProblem,
];

/// Every binding, in the order in which hints and help show them.
pub const BINDINGS: &[Binding] = &[
    Binding {
        action: Action::Toggle,
        name: "toggle",
        keys: &["Space"],
        contexts: &[C::Strategies],
        hint: "show",
        description: "Show or hide the selected strategy in every view",
    },
    Binding {
        action: Action::Baseline,
        name: "baseline",
        keys: &["b"],
        contexts: &[C::Strategies],
        hint: "base",
        description: "Make the selected strategy the baseline (A)",
    },
    Binding {
        action: Action::AddStrategy,
        name: "add-strategy",
        keys: &["a"],
        contexts: &[C::Strategies],
        hint: "add",
        description: "Add a strategy from stored prompt sets and an aggregation",
    },
    Binding {
        action: Action::Controls,
        name: "controls",
        keys: &["w"],
        contexts: &[C::Strategies],
        hint: "controls",
        description: "Compare the selected strategy with its controls (random words and others), or take them away",
    },
    Binding {
        action: Action::LearningCurve,
        name: "learning-curve",
        keys: &["c"],
        contexts: &[C::Strategies, C::StrategiesPage],
        hint: "curve",
        description: "How the accuracy of A and B grows with their prompts: some drawn at random, again and again",
    },
    Binding {
        action: Action::Calibration,
        name: "calibration",
        keys: &["p"],
        contexts: &[C::Strategies, C::StrategiesPage],
        hint: "trust",
        description: "Whether the probabilities of A and B can be trusted, and the temperature that makes them better",
    },
    Binding {
        action: Action::Prune,
        name: "prune",
        keys: &["P"],
        contexts: &[C::Strategies, C::StrategiesPage],
        hint: "prune",
        description: "The selected strategy without the prompts that do harm: chosen on half of the images, measured on the rest",
    },
    Binding {
        action: Action::Open,
        name: "open",
        keys: &["Enter"],
        contexts: &[
            C::Strategies,
            C::Classes,
            C::Class,
            C::Pairs,
            C::Block,
            C::Gallery,
            C::Explanation,
            C::Generation,
            C::Jobs,
            C::Findings,
            C::Opening,
        ],
        hint: "open",
        description: "Open what is selected: the classes, a class, a pair, an image, a prompt, a message",
    },
    Binding {
        action: Action::OtherExplanation,
        name: "other-explanation",
        keys: &["Left", "Right", "h", "l"],
        contexts: &[C::Explanation],
        hint: "A/B",
        description: "From B's explanation of the image to A's and back",
    },
    Binding {
        action: Action::Filter,
        name: "filter",
        keys: &["f"],
        contexts: &[C::Gallery, C::Inspector],
        hint: "filter",
        description: "Choose the images: missed by A, by B, by one but not the other, by all, confidently wrong, every image",
    },
    Binding {
        action: Action::Next,
        name: "next",
        keys: &["n"],
        contexts: &[C::Gallery, C::Inspector, C::Explanation],
        hint: "next",
        description: "Next image",
    },
    Binding {
        action: Action::Previous,
        name: "previous",
        keys: &["p", "N"],
        contexts: &[C::Gallery, C::Inspector, C::Explanation],
        hint: "prev",
        description: "Previous image",
    },
    Binding {
        action: Action::FilterBack,
        name: "filter-back",
        keys: &["F"],
        contexts: &[C::Gallery, C::Inspector],
        hint: "",
        description: "The choice of images before",
    },
    Binding {
        action: Action::OneClass,
        name: "one-class",
        keys: &["c"],
        contexts: &[C::Gallery, C::Inspector],
        hint: "class",
        description: "Only the images of the selected one's class, or those of all classes again",
    },
    Binding {
        action: Action::Explain,
        name: "explain",
        keys: &["x"],
        contexts: &[C::Inspector, C::Explanation],
        hint: "explain",
        description: "Why A and B see what they see in this image, prompt by prompt; for a miss, what would correct it",
    },
    Binding {
        action: Action::CopyPath,
        name: "copy-path",
        keys: &["y"],
        contexts: &[C::Gallery, C::Inspector, C::Explanation],
        hint: "copy path",
        description: "Copy the image's path to the clipboard, through the terminal",
    },
    Binding {
        action: Action::WriteList,
        name: "write-list",
        keys: &["o"],
        contexts: &[C::Gallery, C::Inspector],
        hint: "write list",
        description: "Write the list of files to a file",
    },
    Binding {
        action: Action::Search,
        name: "search",
        keys: &["/"],
        contexts: &[C::Classes, C::Pairs, C::Gallery, C::Inspector, C::Commands],
        hint: "search",
        description: "Keep what contains a text: classes, pairs, file names, commands",
    },
    Binding {
        action: Action::Sort,
        name: "sort",
        keys: &["s"],
        contexts: &[C::Classes],
        hint: "sort",
        description: "Sort the classes by the next column: difference, A, B, images, confusion, name, dataset order",
    },
    Binding {
        action: Action::Reverse,
        name: "reverse",
        keys: &["r"],
        contexts: &[C::Classes],
        hint: "reverse",
        description: "Turn the order round: losses before gains",
    },
    Binding {
        action: Action::Group,
        name: "group",
        keys: &["t"],
        contexts: &[C::Classes],
        hint: "group",
        description: "Group the classes: gained, lost, same",
    },
    Binding {
        action: Action::Which,
        name: "which",
        keys: &["d"],
        contexts: &[C::Pairs, C::Block],
        hint: "A/B/diff",
        description: "Confusions of A, of B, or the difference of the two",
    },
    Binding {
        action: Action::Matrix,
        name: "matrix",
        keys: &["v"],
        contexts: &[C::Pairs, C::Block],
        hint: "matrix",
        description: "From the list of confused pairs to the matrix around a class, and back",
    },
    Binding {
        action: Action::ClassPrompts,
        name: "class-prompts",
        keys: &["e"],
        contexts: &[C::Classes, C::Class],
        hint: "prompts",
        description: "The prompts of this class",
    },
    Binding {
        action: Action::ClassConfusions,
        name: "class-confusions",
        keys: &["v"],
        contexts: &[C::Classes, C::Class],
        hint: "confusions",
        description: "The confusions of this class as a matrix",
    },
    Binding {
        action: Action::TogglePrompt,
        name: "toggle-prompt",
        keys: &["Space"],
        contexts: &[C::Prompts],
        hint: "disable",
        description: "Disable the selected prompt, or enable it again",
    },
    Binding {
        action: Action::EditPrompt,
        name: "edit-prompt",
        keys: &["Enter"],
        contexts: &[C::Prompts],
        hint: "edit",
        description: "Edit the selected prompt",
    },
    Binding {
        action: Action::AddPrompt,
        name: "add-prompt",
        keys: &["a"],
        contexts: &[C::Prompts],
        hint: "add",
        description: "Add a prompt to this class",
    },
    Binding {
        action: Action::Flips,
        name: "flips",
        keys: &["f"],
        contexts: &[C::Prompts],
        hint: "flips",
        description: "The images that the changes of the prompts flip: gained, lost, from one wrong class to another",
    },
    Binding {
        action: Action::SavePrompts,
        name: "save-prompts",
        keys: &["w"],
        contexts: &[C::Prompts, C::Generation],
        hint: "save",
        description: "Save the prompts as a version of a prompt set of yours",
    },
    Binding {
        action: Action::Generate,
        name: "generate",
        keys: &["m"],
        contexts: &[C::Prompts, C::Generation],
        hint: "model",
        description: "Have a language model write prompts for every class; back to those of the class and forth",
    },
    Binding {
        action: Action::DropSentence,
        name: "drop-sentence",
        keys: &["d"],
        contexts: &[C::Generation],
        hint: "drop",
        description: "Drop the selected sentence: another is asked for in its place",
    },
    Binding {
        action: Action::MoreSentences,
        name: "more-sentences",
        keys: &["+"],
        contexts: &[C::Generation],
        hint: "more",
        description: "Five more sentences of the selected class",
    },
    Binding {
        action: Action::Undo,
        name: "undo",
        keys: &["u"],
        contexts: &[C::Prompts],
        hint: "undo",
        description: "Take the last change of the prompts back",
    },
    Binding {
        action: Action::Redo,
        name: "redo",
        keys: &["Ctrl-r"],
        contexts: &[C::Prompts],
        hint: "",
        description: "Do the change again that was taken back",
    },
    Binding {
        action: Action::ClassImages,
        name: "class-images",
        keys: &["i"],
        contexts: &[C::Class, C::Prompts],
        hint: "images",
        description: "The images of this class",
    },
    Binding {
        action: Action::OtherSide,
        name: "other-side",
        keys: &["Left", "Right", "h", "l"],
        contexts: &[C::Prompts],
        hint: "A/B",
        description: "From A's prompts to B's and back",
    },
    Binding {
        action: Action::NextClass,
        name: "next-class",
        keys: &["]"],
        contexts: &[C::Class, C::Prompts],
        hint: "next class",
        description: "Next class",
    },
    Binding {
        action: Action::PreviousClass,
        name: "previous-class",
        keys: &["["],
        contexts: &[C::Class, C::Prompts],
        hint: "",
        description: "Previous class",
    },
    Binding {
        action: Action::Down,
        name: "down",
        keys: &["j", "Down"],
        contexts: LISTS,
        hint: "",
        description: "Down",
    },
    Binding {
        action: Action::Up,
        name: "up",
        keys: &["k", "Up"],
        contexts: LISTS,
        hint: "",
        description: "Up",
    },
    Binding {
        action: Action::Left,
        name: "left",
        keys: &["h", "Left"],
        contexts: &[C::Block, C::Gallery],
        hint: "",
        description: "Left",
    },
    Binding {
        action: Action::Right,
        name: "right",
        keys: &["l", "Right"],
        contexts: &[C::Block, C::Gallery],
        hint: "",
        description: "Right",
    },
    Binding {
        action: Action::Top,
        name: "top",
        keys: &["g", "Home"],
        contexts: LISTS,
        hint: "",
        description: "First row",
    },
    Binding {
        action: Action::Bottom,
        name: "bottom",
        keys: &["G", "End"],
        contexts: LISTS,
        hint: "",
        description: "Last row",
    },
    Binding {
        action: Action::HalfDown,
        name: "half-down",
        keys: &["Ctrl-d", "PageDown"],
        contexts: LISTS,
        hint: "",
        description: "Half a screen down",
    },
    Binding {
        action: Action::HalfUp,
        name: "half-up",
        keys: &["Ctrl-u", "PageUp"],
        contexts: LISTS,
        hint: "",
        description: "Half a screen up",
    },
    Binding {
        action: Action::Strategies,
        name: "strategies",
        keys: &["1"],
        contexts: SESSION,
        hint: "",
        description: "The strategies, ranked",
    },
    Binding {
        action: Action::Classes,
        name: "classes",
        keys: &["2"],
        contexts: SESSION,
        hint: "",
        description: "The classes: what A and B make of each",
    },
    Binding {
        action: Action::Confusion,
        name: "confusion",
        keys: &["3"],
        contexts: SESSION,
        hint: "",
        description: "The confusions: which class is taken for which",
    },
    Binding {
        action: Action::Images,
        name: "images",
        keys: &["4"],
        contexts: SESSION,
        hint: "",
        description: "The images: a gallery with filters, and each one large",
    },
    Binding {
        action: Action::Prompts,
        name: "prompts",
        keys: &["5"],
        contexts: SESSION,
        hint: "",
        description: "The prompts of a class under A and B",
    },
    Binding {
        action: Action::Jobs,
        name: "jobs",
        keys: &["6"],
        contexts: SESSION,
        hint: "",
        description: "The jobs and the messages",
    },
    Binding {
        action: Action::Findings,
        name: "findings",
        keys: &["7"],
        contexts: SESSION,
        hint: "",
        description: "What may be wrong with labels and prompts, and what to do about it",
    },
    Binding {
        action: Action::NextScreen,
        name: "next-screen",
        keys: &["Tab"],
        contexts: SESSION,
        hint: "screens",
        description: "Next screen",
    },
    Binding {
        action: Action::PreviousScreen,
        name: "previous-screen",
        keys: &["Shift-Tab"],
        contexts: SESSION,
        hint: "",
        description: "Previous screen",
    },
    Binding {
        action: Action::Cancel,
        name: "cancel",
        keys: &["x"],
        contexts: &[C::Loading, C::Jobs, C::Findings, C::Generation],
        hint: "stop",
        description: "Stop the running job; what is finished is kept",
    },
    Binding {
        action: Action::Retry,
        name: "retry",
        keys: &["r"],
        contexts: &[C::Stopped, C::Problem, C::StoreProblem, C::Jobs, C::Generation],
        hint: "try again",
        description: "Start the stopped or failed job again; it goes on where it was",
    },
    Binding {
        action: Action::MemoryStore,
        name: "memory-store",
        keys: &["i"],
        contexts: &[C::StoreProblem],
        hint: "in memory",
        description: "Go on with a store in memory: nothing is kept for the next start",
    },
    Binding {
        action: Action::Pull,
        name: "pull",
        keys: &["y"],
        contexts: &[C::AbsentCheckpoint],
        hint: "download",
        description: "Download the checkpoint from its hub, then open the experiment",
    },
    Binding {
        action: Action::Decline,
        name: "decline",
        keys: &["n"],
        contexts: &[C::AbsentCheckpoint],
        hint: "no",
        description: "Download nothing and open something else",
    },
    Binding {
        action: Action::OpenOther,
        name: "open-other",
        keys: &["O"],
        contexts: &[
            C::Strategies,
            C::StrategiesPage,
            C::Classes,
            C::Class,
            C::Pairs,
            C::Block,
            C::Gallery,
            C::Inspector,
            C::Explanation,
            C::Prompts,
            C::Generation,
            C::Jobs,
            C::Findings,
            C::Stopped,
            C::Problem,
            C::StoreProblem,
            C::AbsentCheckpoint,
        ],
        hint: "",
        description: "Open another experiment: the demo, a recent one, or files of yours",
    },
    Binding {
        action: Action::Back,
        name: "back",
        keys: &["Esc"],
        contexts: &[
            C::Strategies,
            C::StrategiesPage,
            C::Classes,
            C::Class,
            C::Pairs,
            C::Block,
            C::Gallery,
            C::Inspector,
            C::Explanation,
            C::Prompts,
            C::Generation,
            C::Jobs,
            C::Findings,
            C::Opening,
            C::Commands,
            C::Leaving,
        ],
        hint: "back",
        description: "Back; never quits",
    },
    Binding {
        action: Action::Commands,
        name: "commands",
        keys: &[":"],
        contexts: &[],
        hint: "",
        description: "Find a command by its name and run it",
    },
    Binding {
        action: Action::Help,
        name: "help",
        keys: &["?", "F1"],
        contexts: &[],
        hint: "help",
        description: "This list of keys; Enter runs the selected one",
    },
    Binding {
        action: Action::Quit,
        name: "quit",
        keys: &["q"],
        contexts: &[],
        hint: "quit",
        description: "Quit; asks first while a job runs",
    },
    Binding {
        action: Action::QuitNow,
        name: "quit-now",
        keys: &["Ctrl-c"],
        contexts: &[],
        hint: "",
        description: "Quit at once",
    },
    Binding {
        action: Action::Suspend,
        name: "suspend",
        keys: &["Ctrl-z"],
        contexts: &[],
        hint: "",
        description: "Back to the shell; `fg` returns",
    },
    Binding {
        action: Action::Redraw,
        name: "redraw",
        keys: &["Ctrl-l"],
        contexts: &[],
        hint: "",
        description: "Draw the whole screen anew",
    },
];

impl Binding {
    /// Whether it works in a context.
    pub fn works_in(&self, context: Context) -> bool {
        self.contexts.is_empty() || self.contexts.contains(&context)
    }
}

/// The key table of the README, in Markdown.
pub fn markdown_table() -> String {
    let mut table = String::from("| key | what it does | name in `config.toml` |\n|---|---|---|\n");
    for binding in BINDINGS {
        let keys: Vec<String> = binding.keys.iter().map(|key| format!("`{key}`")).collect();
        table.push_str(&format!("| {} | {} | `{}` |\n", keys.join(" "), binding.description, binding.name));
    }
    table
}

#[cfg(test)]
pub(super) const CONTEXTS: [Context; 21] = [
    C::Strategies,
    C::StrategiesPage,
    C::Classes,
    C::Class,
    C::Pairs,
    C::Block,
    C::Gallery,
    C::Inspector,
    C::Explanation,
    C::Prompts,
    C::Generation,
    C::Jobs,
    C::Findings,
    C::Opening,
    C::Loading,
    C::Stopped,
    C::Problem,
    C::StoreProblem,
    C::AbsentCheckpoint,
    C::Commands,
    C::Leaving,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_means_two_things_in_one_place() {
        for context in CONTEXTS {
            let mut seen = Vec::new();
            for key in BINDINGS.iter().filter(|b| b.works_in(context)).flat_map(|b| b.keys) {
                assert!(!seen.contains(key), "{key} twice in {context:?}");
                seen.push(key);
            }
        }
    }

    #[test]
    fn names_are_different() {
        let mut names: Vec<&str> = BINDINGS.iter().map(|binding| binding.name).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn every_place_can_be_left_and_explained() {
        for context in CONTEXTS {
            for action in [Action::Help, Action::Quit, Action::QuitNow] {
                assert!(BINDINGS.iter().any(|b| b.action == action && b.works_in(context)));
            }
        }
    }

    #[test]
    fn the_readme_has_this_table() {
        let readme = include_str!("../../README.md");
        assert!(readme.contains(&markdown_table()), "put this into README.md:\n{}", markdown_table());
    }
}
