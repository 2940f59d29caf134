//! The most telling images: each with its picture, its class, what A and B take it for, and what B is told about it.

use rayon::prelude::*;

use super::markup::Markup;
use super::numbers::{count, counted, probability};
use super::picture::PagePicture;
use super::telling_images::{Reason, TellingImages, telling_images};
use super::{Side, View};
use crate::workbench::error::WorkbenchError;
use crate::workbench::jobs::progress::Cancel;

/// Prompts of a class that are quoted.
const PROMPTS: usize = 3;

/// Telling images with their pictures, in the same order; or why there is none, in words.
pub struct Pictures {
    telling: TellingImages,
    pictures: Vec<Result<PagePicture, String>>,
}

/// Chooses the images and reads their pictures.
pub fn pictures(view: &View<'_>, most: usize, cancel: &Cancel) -> Result<Vec<Pictures>, WorkbenchError> {
    let with_pictures = |telling: TellingImages| {
        let picture = |&image: &usize| match cancel.is_cancelled() {
            true => Err(WorkbenchError::Cancelled),
            false => Ok(PagePicture::from_source(&view.session.images[image].source)),
        };
        let pictures = telling.images.par_iter().map(picture).collect::<Result<_, _>>()?;
        Ok(Pictures { telling, pictures })
    };
    telling_images(view, most).into_iter().map(with_pictures).collect()
}

pub fn write(page: &mut Markup, view: &View<'_>, groups: &[Pictures]) {
    let has_none = groups.iter().all(|group| group.pictures.is_empty());
    if has_none && groups.iter().any(|group| group.telling.found > 0) {
        return;
    }
    page.element("section", &[], |section| {
        section.leaf("h2", &[], "Images");
        if has_none {
            section.leaf("p", &[], "No image is missed.");
        }
        for group in groups.iter().filter(|group| !group.pictures.is_empty()) {
            write_group(section, view, group);
        }
    });
}

fn write_group(section: &mut Markup, view: &View<'_>, group: &Pictures) {
    let (heading, explanation) = match group.telling.reason {
        Reason::Repaired => (
            "B repairs".to_owned(),
            "Missed by A, right with B: those whose margin grows most, one of each class first.",
        ),
        Reason::Broken => (
            "B breaks".to_owned(),
            "Right with A, missed by B: those whose margin shrinks most, one of each class first.",
        ),
        Reason::MissedByAll => (
            match view.session.strategies.len() {
                2 => "Both miss".to_owned(),
                all => format!("All {} miss", counted(all, "strategy", "strategies")),
            },
            "The most confident misses, one of each class first. Some may be right about the image, and its label \
             wrong.",
        ),
        Reason::Missed => (
            "Missed".to_owned(),
            "The most confident misses, one of each class first. Some may be right about the image, and its label \
             wrong.",
        ),
    };
    section.element("h3", &[], |h3| {
        h3.text(&heading);
        let images = counted(group.telling.found, "image", "images");
        let words = match group.pictures.len() == group.telling.found {
            true => images,
            false => format!("{} of {images}", count(group.pictures.len())),
        };
        h3.leaf("small", &[], &format!(" {words}"));
    });
    section.leaf("p", &[], explanation);
    section.element("div", &[("class", "gallery")], |gallery| {
        for (&image, picture) in group.telling.images.iter().zip(&group.pictures) {
            gallery.element("figure", &[], |card| write_card(card, view, image, picture));
        }
    });
}

fn write_card(card: &mut Markup, view: &View<'_>, image: usize, picture: &Result<PagePicture, String>) {
    let of = &view.session.images[image];
    let class = view.class(of.label);
    match picture {
        Ok(picture) => {
            let (width, height) = (picture.width.to_string(), picture.height.to_string());
            let alt = format!("{class}: {}", of.name);
            let mut attributes = vec![
                ("src", picture.address.as_str()),
                ("width", &width),
                ("height", &height),
                ("alt", &alt),
            ];
            if picture.is_small {
                attributes.push(("class", "small"));
            }
            card.void("img", &attributes);
        }
        Err(reason) => card.leaf("p", &[("class", "no-picture")], &format!("No picture: it {reason}.")),
    }
    card.element("figcaption", &[], |caption| {
        caption.leaf("p", &[("class", "truth")], class);
        caption.element("ul", &[("class", "predictions")], |list| {
            for (side, strategy) in view.sides() {
                list.element("li", &[], |item| write_prediction(item, view, side, strategy, image));
            }
        });
        caption.leaf("p", &[("class", "file")], &of.name);
        write_prompts(caption, view, of.label);
    });
}

fn write_prediction(item: &mut Markup, view: &View<'_>, side: Side, strategy: usize, image: usize) {
    let evaluation = view.evaluation(strategy);
    let prediction = evaluation.prediction(image);
    let is_right = evaluation.is_correct(image);
    side.write(item);
    item.text(if is_right { " ✓ " } else { " ✗ " });
    item.leaf("span", &[("class", "name")], view.class(prediction.class as usize));
    item.text(" ");
    item.leaf("span", &[("class", "probability")], &probability(prediction.probability));
    if !is_right {
        let of_class = probability(evaluation.true_probability[image]);
        item.leaf("small", &[], &format!(" true class {of_class}"));
    }
}

/// What B, or A where it stands alone, is told about the image's class.
fn write_prompts(caption: &mut Markup, view: &View<'_>, class: usize) {
    let prompts = &view.session.strategies[view.b].prompts[class];
    let side = if view.is_pair() { Side::B } else { Side::A };
    let words = match prompts.len() > PROMPTS {
        true => format!("{PROMPTS} of {}’s {} prompts", side.letter(), count(prompts.len())),
        false => format!("{}’s {}", side.letter(), counted(prompts.len(), "prompt", "prompts")),
    };
    caption.element("details", &[], |details| {
        details.leaf("summary", &[], &words);
        details.element("ul", &[], |list| {
            prompts.iter().take(PROMPTS).for_each(|prompt| list.leaf("li", &[], prompt));
        });
    });
}
