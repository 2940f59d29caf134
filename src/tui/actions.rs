//! The one table of actions: key bindings, the hint bar, help and command palette, the names in `config.toml` and the
//! README's key table all come from it.

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
    /// The question whether to quit, or to open something else.
    Leaving,
    /// A change of the experiment's file, before it is written.
    FileChange,
}

/// One row of the table.
#[derive(Debug)]
pub struct Binding {
    /// What it does.
    pub action: Action,
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
    C::FileChange,
];

/// Makes [`Action`] and [`BINDINGS`] of one row an action: its keys, where it works, its hint, its description. Its name in
/// `config.toml` is its own in small letters, so it has to stand nowhere else.
macro_rules! actions {
    ($($action:ident: $keys:expr, $contexts:expr, $hint:literal, $description:literal;)*) => {
        /// Everything a key can do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Action {
            $(#[doc = $description] $action),*
        }

        /// Every binding, in the order in which hints and help show them.
        pub const BINDINGS: &[Binding] = &[$(Binding {
            action: Action::$action,
            keys: $keys,
            contexts: $contexts,
            hint: $hint,
            description: $description,
        }),*];
    };
}

actions! {
    Toggle: &["Space"], &[C::Strategies], "show",
        "Show or hide the selected strategy in every view";
    Baseline: &["b"], &[C::Strategies], "base",
        "Make the selected strategy the baseline (A)";
    AddStrategy: &["a"], &[C::Strategies], "add",
        "Add a strategy from stored prompt sets and an aggregation";
    Controls: &["w"], &[C::Strategies], "controls",
        "Compare the selected strategy with its controls (random words and others), or take them away";
    LearningCurve: &["c"], &[C::Strategies, C::StrategiesPage], "curve",
        "How the accuracy of A and B grows with their prompts: some drawn at random, again and again";
    Calibration: &["p"], &[C::Strategies, C::StrategiesPage], "trust",
        "Whether the probabilities of A and B can be trusted, and the temperature that makes them better";
    Prune: &["P"], &[C::Strategies, C::StrategiesPage], "prune",
        "The selected strategy without the prompts that do harm: chosen on half of the images, measured on the rest";
    Keep: &["W"], &[C::Strategies], "keep",
        "Write the strategies that were added here into the experiment's file, or a new one; the change is shown first";
    RemoveStrategy: &["D"], &[C::Strategies], "",
        "Take the selected strategy, which was added here, away again; its prompts stay in the store";
    Confirm: &["y", "Enter"], &[C::FileChange, C::Leaving], "yes",
        "Do what is asked";
    Open: &["Enter"], &[
        C::Strategies, C::Classes, C::Class, C::Pairs, C::Block, C::Gallery, C::Explanation, C::Generation,
        C::Jobs, C::Findings, C::Opening
    ], "open",
        "Open what is selected: the classes, a class, a pair, an image, a prompt, a message";
    OtherExplanation: &["Left", "Right", "h", "l"], &[C::Explanation], "A/B",
        "From B's explanation of the image to A's and back";
    Filter: &["f"], &[C::Gallery, C::Inspector], "filter",
        "Choose the images: missed by A, by B, by one but not the other, by all, confidently wrong, every image";
    Next: &["n"], &[C::Gallery, C::Inspector, C::Explanation], "next",
        "Next image";
    Previous: &["p", "N"], &[C::Gallery, C::Inspector, C::Explanation], "prev",
        "Previous image";
    FilterBack: &["F"], &[C::Gallery, C::Inspector], "",
        "The choice of images before";
    OneClass: &["c"], &[C::Gallery, C::Inspector], "class",
        "Only the images of the selected one's class, or those of all classes again";
    Explain: &["x"], &[C::Inspector, C::Explanation], "explain",
        "Why A and B see what they see in this image, prompt by prompt; for a miss, what would correct it";
    CopyPath: &["y"], &[C::Gallery, C::Inspector, C::Explanation], "copy path",
        "Copy the image's path to the clipboard, through the terminal";
    WriteList: &["o"], &[C::Gallery, C::Inspector], "write list",
        "Write the list of files to a file";
    Search: &["/"], &[C::Classes, C::Pairs, C::Gallery, C::Inspector, C::Commands], "search",
        "Keep what contains a text: classes, pairs, file names, commands";
    Sort: &["s"], &[C::Classes], "sort",
        "Sort the classes by the next column: difference, A, B, images, confusion, name, dataset order";
    Reverse: &["r"], &[C::Classes], "reverse",
        "Turn the order round: losses before gains";
    Group: &["t"], &[C::Classes], "group",
        "Group the classes: gained, lost, same";
    Which: &["d"], &[C::Pairs, C::Block], "A/B/diff",
        "Confusions of A, of B, or the difference of the two";
    Matrix: &["v"], &[C::Pairs, C::Block], "matrix",
        "From the list of confused pairs to the matrix around a class, and back";
    ClassPrompts: &["e"], &[C::Classes, C::Class], "prompts",
        "The prompts of this class";
    ClassConfusions: &["v"], &[C::Classes, C::Class], "confusions",
        "The confusions of this class as a matrix";
    TogglePrompt: &["Space"], &[C::Prompts], "disable",
        "Disable the selected prompt, or enable it again";
    EditPrompt: &["Enter"], &[C::Prompts], "edit",
        "Edit the selected prompt";
    AddPrompt: &["a"], &[C::Prompts], "add",
        "Add a prompt to this class";
    Flips: &["f"], &[C::Prompts], "flips",
        "The images that the changes of the prompts flip: gained, lost, from one wrong class to another";
    SavePrompts: &["w"], &[C::Prompts, C::Generation, C::StrategiesPage], "save",
        "Save the prompts as a version of a prompt set of yours: those that were changed, written or left by pruning";
    Generate: &["m"], &[C::Prompts, C::Generation], "model",
        "Have a language model write prompts for every class; back to those of the class and forth, to the form where it has stopped";
    DropSentence: &["d"], &[C::Generation], "drop",
        "Drop the selected sentence: another is asked for in its place";
    MoreSentences: &["+"], &[C::Generation], "more",
        "Five more sentences of the selected class";
    Undo: &["u"], &[C::Prompts], "undo",
        "Take the last change of the prompts back";
    Redo: &["Ctrl-r"], &[C::Prompts], "",
        "Do the change again that was taken back";
    ClassImages: &["i"], &[C::Class, C::Prompts], "images",
        "The images of this class";
    OtherSide: &["Left", "Right", "h", "l"], &[C::Prompts], "A/B",
        "From A's prompts to B's and back";
    NextClass: &["]"], &[C::Class, C::Prompts], "next class",
        "Next class";
    PreviousClass: &["["], &[C::Class, C::Prompts], "",
        "Previous class";
    Down: &["j", "Down"], LISTS, "",
        "Down";
    Up: &["k", "Up"], LISTS, "",
        "Up";
    Left: &["h", "Left"], &[C::Block, C::Gallery], "",
        "Left";
    Right: &["l", "Right"], &[C::Block, C::Gallery], "",
        "Right";
    Top: &["g", "Home"], LISTS, "",
        "First row";
    Bottom: &["G", "End"], LISTS, "",
        "Last row";
    HalfDown: &["Ctrl-d", "PageDown"], LISTS, "",
        "Half a screen down";
    HalfUp: &["Ctrl-u", "PageUp"], LISTS, "",
        "Half a screen up";
    Strategies: &["1"], SESSION, "",
        "The strategies, ranked";
    Classes: &["2"], SESSION, "",
        "The classes: what A and B make of each";
    Confusion: &["3"], SESSION, "",
        "The confusions: which class is taken for which";
    Images: &["4"], SESSION, "",
        "The images: a gallery with filters, and each one large";
    Prompts: &["5"], SESSION, "",
        "The prompts of a class under A and B";
    Jobs: &["6"], SESSION, "",
        "The jobs and the messages";
    Findings: &["7"], SESSION, "",
        "What may be wrong with labels and prompts, and what to do about it";
    NextScreen: &["Tab"], SESSION, "screens",
        "Next screen";
    PreviousScreen: &["Shift-Tab"], SESSION, "",
        "Previous screen";
    Cancel: &["x"], &[
        C::Loading, C::Strategies, C::StrategiesPage, C::Classes, C::Class, C::Pairs, C::Block, C::Gallery, C::Prompts,
        C::Generation, C::Jobs, C::Findings
    ], "stop",
        "Stop the running job; what is finished is kept";
    Retry: &["r"], &[C::Stopped, C::Problem, C::StoreProblem, C::Jobs, C::Generation], "try again",
        "Start the stopped or failed job again; it goes on where it was";
    MemoryStore: &["i"], &[C::StoreProblem], "in memory",
        "Go on with a store in memory: nothing is kept for the next start";
    Pull: &["y"], &[C::AbsentCheckpoint], "download",
        "Download the checkpoint from its hub, then open the experiment";
    Decline: &["n"], &[C::AbsentCheckpoint], "no",
        "Download nothing and open something else";
    OpenOther: &["O"], &[
        C::Strategies, C::StrategiesPage, C::Classes, C::Class, C::Pairs, C::Block, C::Gallery,
        C::Inspector, C::Explanation, C::Prompts, C::Generation, C::Jobs, C::Findings, C::Stopped,
        C::Problem, C::StoreProblem, C::AbsentCheckpoint
    ], "open other",
        "Open another experiment: the demo, a recent one, or files of yours";
    Back: &["Esc"], &[
        C::Strategies, C::StrategiesPage, C::Classes, C::Class, C::Pairs, C::Block, C::Gallery,
        C::Inspector, C::Explanation, C::Prompts, C::Generation, C::Jobs, C::Findings, C::Opening,
        C::Commands, C::Leaving, C::FileChange, C::Stopped, C::Problem, C::StoreProblem, C::AbsentCheckpoint
    ], "back",
        "Back; never quits. Where an experiment could not be opened, to the one that was open before";
    SaveExperiment: &[], SESSION, "",
        "Write the open session to a new experiment file";
    Report: &[], SESSION, "",
        "Write A, B and the most telling images to an HTML page";
    Export: &[], SESSION, "",
        "Write the selected strategy's classifier to a .safetensors or .npy file for other programs";
    Commands: &[":"], &[], "",
        "Find a command by its name and run it";
    Help: &["?", "F1"], &[], "help",
        "This list of keys; Enter runs the selected one";
    Quit: &["q"], &[], "quit",
        "Quit; asks first while a job runs or something is not saved";
    QuitNow: &["Ctrl-c"], &[], "",
        "Quit at once";
    Suspend: &["Ctrl-z"], &[], "",
        "Back to the shell; `fg` returns";
    Redraw: &["Ctrl-l"], &[], "",
        "Draw the whole screen anew";
}

impl Action {
    /// What `config.toml` calls it: `add-strategy` is `AddStrategy`.
    pub fn name(self) -> String {
        let mut name = String::new();
        for letter in format!("{self:?}").chars() {
            if letter.is_ascii_uppercase() && !name.is_empty() {
                name.push('-');
            }
            name.push(letter.to_ascii_lowercase());
        }
        name
    }
}

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
        let mut keys: Vec<String> = binding.keys.iter().map(|key| format!("`{key}`")).collect();
        if keys.is_empty() {
            keys.push(format!("`:{}`", binding.action.name()));
        }
        table.push_str(&format!(
            "| {} | {} | `{}` |\n",
            keys.join(" "),
            binding.description,
            binding.action.name()
        ));
    }
    table
}

#[cfg(test)]
pub(super) const CONTEXTS: [Context; 22] = [
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
    C::FileChange,
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
        let mut names: Vec<String> = BINDINGS.iter().map(|binding| binding.action.name()).collect();
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
