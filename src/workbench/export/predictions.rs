//! Predictions as a table: a row an image, with its class and what each strategy makes of it.
//!
//! | column | what it holds |
//! |---|---|
//! | `image` | the image's name |
//! | `label`, `class` | the index of its class, and the class's name |
//! | `STRATEGY_prediction` | the name of the predicted class |
//! | `STRATEGY_probability` | the softmax at it, from 0 to 1 |
//! | `STRATEGY_margin` | see [`margin`] |
//! | `STRATEGY_correct` | whether the prediction is the class |

use std::ops::Range;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::parquet::{Column, write_parquet};
use crate::workbench::session::evaluation::{Session, SessionImage};
use crate::workbench::tables::image_selection::margin;

/// Rows that are in memory at once.
const GROUP: usize = 65_536;

/// The table of a session.
#[derive(Clone, Copy)]
pub struct PredictionTable<'a>(pub &'a Session);

impl<'a> PredictionTable<'a> {
    /// Each row as an object, in the order of the images.
    pub fn rows(self) -> impl Iterator<Item = impl Serialize + 'a> {
        (0..self.0.images.len()).map(move |image| Row { session: self.0, image })
    }

    /// The whole table as a Parquet file.
    ///
    /// # Errors
    /// What the writer says.
    pub fn parquet(self) -> Result<Vec<u8>, String> {
        let images = self.0.images.len();
        let starts = (0..images.max(1)).step_by(GROUP);
        let mut bytes = Vec::new();
        let groups = starts.map(|start| self.columns(start..images.min(start + GROUP)));
        write_parquet(&mut bytes, groups).map_err(|error| error.to_string())?;
        Ok(bytes)
    }

    fn columns(self, rows: Range<usize>) -> Vec<(String, Column)> {
        let Self(session) = self;
        let images = &session.images[rows.clone()];
        let name = |class: usize| session.classes[class].clone();
        let mut columns = vec![
            ("image".to_owned(), Column::Texts(images.iter().map(|image| image.name.clone()).collect())),
            ("label".to_owned(), Column::Integers(images.iter().map(|image| image.label as i32).collect())),
            ("class".to_owned(), Column::Texts(images.iter().map(|image| name(image.label)).collect())),
        ];
        for (index, strategy) in session.strategies.iter().enumerate() {
            let evaluation = &strategy.evaluation;
            let rows = || rows.clone();
            let predicted = rows().map(|image| name(evaluation.prediction(image).class as usize));
            let probability = rows().map(|image| Some(evaluation.prediction(image).probability));
            let margins = rows().map(|image| margin(session, index, image));
            let correct = rows().map(|image| evaluation.is_correct(image));
            let called = |what: &str| format!("{}_{what}", strategy.name);
            columns.push((called("prediction"), Column::Texts(predicted.collect())));
            columns.push((called("probability"), Column::Numbers(probability.collect())));
            columns.push((called("margin"), Column::Numbers(margins.collect())));
            columns.push((called("correct"), Column::Flags(correct.collect())));
        }
        columns
    }
}

struct Row<'a> {
    session: &'a Session,
    image: usize,
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { session, image } = *self;
        let SessionImage { name, label, .. } = &session.images[image];
        let mut row = serializer.serialize_map(Some(3 + 4 * session.strategies.len()))?;
        row.serialize_entry("image", name)?;
        row.serialize_entry("label", label)?;
        row.serialize_entry("class", &session.classes[*label])?;
        for (index, strategy) in session.strategies.iter().enumerate() {
            let prediction = strategy.evaluation.prediction(image);
            let called = |what: &str| format!("{}_{what}", strategy.name);
            row.serialize_entry(&called("prediction"), &session.classes[prediction.class as usize])?;
            row.serialize_entry(&called("probability"), &prediction.probability)?;
            row.serialize_entry(&called("margin"), &margin(session, index, image))?;
            row.serialize_entry(&called("correct"), &strategy.evaluation.is_correct(image))?;
        }
        row.end()
    }
}
