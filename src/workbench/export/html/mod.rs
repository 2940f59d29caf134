//! A session as one HTML page that needs nothing else: no script, no font, no file beside it, no connection.
//!
//! | file | what it writes |
//! |---|---|
//! | `leaderboard.rs` | the verdict in words and numbers, and a row for each strategy |
//! | `class_chart.rs` | what A and B make of each class, as bars |
//! | `confusions.rs` | what A and B take for what |
//! | `gallery.rs` | the most telling images |
//! | `telling_images.rs` | which ones those are |
//! | `making.rs` | skipped images and messages, and how the page was made |
//! | `picture.rs` | pictures inside the page |
//! | `numbers.rs` | how numbers look |
//! | `markup.rs` | HTML, escaped and closed |
//! | `style.css` | how all of it looks, on screens light, dark and narrow, and on paper |

mod class_chart;
mod confusions;
mod gallery;
mod leaderboard;
mod making;
mod markup;
mod numbers;
mod picture;
mod telling_images;

use self::markup::Markup;
use self::numbers::counted;
use crate::evaluation::{Comparison, Evaluation};
use crate::workbench::error::WorkbenchError;
use crate::workbench::experiment::demo;
use crate::workbench::jobs::progress::Cancel;
use crate::workbench::session::evaluation::Session;
use crate::workbench::tables::class_table::{ClassRow, class_table};

/// Nothing may be loaded from anywhere, whatever stands in a name.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// What the page shows of a session.
#[derive(Debug, Clone)]
pub struct HtmlReport<'a> {
    /// The evaluated strategies.
    pub session: &'a Session,
    /// The strategy that the others are compared with: an index into the session's.
    pub a: usize,
    /// The strategy that is compared with it class by class and image by image; the same as `a` where that stands alone.
    pub b: usize,
    /// Pictures in the gallery, at most.
    pub gallery: usize,
    /// The command that makes the page, as one types it.
    pub command: &'a str,
}

impl HtmlReport<'_> {
    /// Pictures in the gallery unless somebody says otherwise.
    pub const GALLERY: usize = 24;

    /// The page. The same session gives the same text; pictures that cannot be read any more are told in their place.
    ///
    /// # Errors
    /// [`WorkbenchError::Cancelled`] soon after the request, and evaluations that are not of the same images.
    pub fn page(&self, cancel: &Cancel) -> Result<String, WorkbenchError> {
        let view = View::new(self)?;
        let pictures = gallery::pictures(&view, self.gallery, cancel)?;
        let mut page = Markup::default();
        page.element("html", &[("lang", "en")], |page| {
            head(page, view.session);
            page.element("body", &[], |page| {
                introduction(page, view.session);
                page.element("main", &[], |page| {
                    leaderboard::write(page, &view);
                    class_chart::write(page, &view);
                    confusions::write(page, &view);
                    gallery::write(page, &view, &pictures);
                    making::write(page, &view, self.command);
                });
            });
        });
        Ok(page.document())
    }
}

/// A session with two of its strategies chosen.
struct View<'a> {
    session: &'a Session,
    a: usize,
    b: usize,
    /// Every class, in the dataset's order.
    rows: Vec<ClassRow>,
    /// Each strategy against A; none for A itself.
    against_a: Vec<Option<Comparison>>,
}

impl<'a> View<'a> {
    fn new(report: &HtmlReport<'a>) -> Result<Self, WorkbenchError> {
        let HtmlReport { session, a, b, .. } = *report;
        let against_a = |strategy: usize| match strategy == a {
            true => Ok(None),
            false => {
                let evaluation = |strategy: usize| &session.strategies[strategy].evaluation;
                Comparison::new(evaluation(a), evaluation(strategy)).map(Some)
            }
        };
        let against_a = (0..session.strategies.len()).map(against_a).collect::<Result<_, _>>()?;
        Ok(Self { session, a, b, rows: class_table(session, a, b), against_a })
    }

    /// B against A; none where A stands alone.
    fn comparison(&self) -> Option<&Comparison> {
        self.against_a[self.b].as_ref()
    }

    fn is_pair(&self) -> bool {
        self.a != self.b
    }

    /// A, and B where there is one, with their letters.
    fn sides(&self) -> Vec<(Side, usize)> {
        let mut sides = vec![(Side::A, self.a)];
        if self.is_pair() {
            sides.push((Side::B, self.b));
        }
        sides
    }

    fn name(&self, strategy: usize) -> &'a str {
        &self.session.strategies[strategy].name
    }

    fn class(&self, class: usize) -> &'a str {
        &self.session.classes[class]
    }

    fn evaluation(&self, strategy: usize) -> &'a Evaluation {
        &self.session.strategies[strategy].evaluation
    }
}

/// The strategies have the same letter and colour everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    A,
    B,
}

impl Side {
    fn letter(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
        }
    }

    /// The letter on its colour.
    fn write(self, page: &mut Markup) {
        let class = match self {
            Self::A => "side a",
            Self::B => "side b",
        };
        page.leaf("b", &[("class", class)], self.letter());
    }
}

/// A name of the user's within a sentence.
fn name(page: &mut Markup, name: &str) {
    page.leaf("b", &[("class", "name")], name);
}

fn head(page: &mut Markup, session: &Session) {
    page.element("head", &[], |head| {
        head.void("meta", &[("charset", "utf-8")]);
        head.void("meta", &[("http-equiv", "Content-Security-Policy"), ("content", POLICY)]);
        head.void("meta", &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")]);
        head.void("meta", &[("name", "color-scheme"), ("content", "light dark")]);
        head.void("meta", &[("name", "generator"), ("content", making::PROGRAM)]);
        head.leaf("title", &[], &format!("{} · {}", session.experiment, session.checkpoint));
        head.style(include_str!("style.css"));
    });
}

fn introduction(page: &mut Markup, session: &Session) {
    page.element("header", &[], |header| {
        header.leaf("p", &[("class", "kind")], "Prompt strategies of a zero-shot image classifier");
        header.leaf("h1", &[], &session.experiment);
        let mut facts = vec![
            format!("{} ({})", session.checkpoint, session.precision),
            format!("dataset {}", session.dataset),
            counted(session.images.len(), "image", "images"),
            counted(session.classes.len(), "class", "classes"),
            counted(session.strategies.len(), "strategy", "strategies"),
        ];
        if !session.skipped.is_empty() {
            facts.push(format!("{} skipped", counted(session.skipped.len(), "image", "images")));
        }
        header.element("ul", &[("class", "facts")], |list| {
            facts.iter().for_each(|fact| list.leaf("li", &[], fact));
        });
        if session.demo_checkpoint {
            header.leaf("p", &[("class", "caution"), ("role", "note")], demo::CAUTION);
        }
    });
}

#[cfg(test)]
mod tests;
