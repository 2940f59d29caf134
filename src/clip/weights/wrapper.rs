//! What training programs put before every name of a model's tensors: `module.` of a parallel wrapper, `_orig_mod.` of a
//! compiled model, `model.` or `clip.` of a module that holds it. No list of them is needed: every model has one
//! `logit_scale`, and what stands before it stands before all.

/// The tensor that every model has, and no part of one.
const ANCHOR: &str = "logit_scale";

/// What stands before the names of the one model among these; nothing where there is no model to be seen.
///
/// # Errors
/// There are several models.
pub(super) fn of_names<'a>(names: impl Iterator<Item = &'a str>) -> Result<String, String> {
    let before =
        |name: &'a str| name.strip_suffix(ANCHOR).filter(|rest| rest.is_empty() || rest.ends_with('.'));
    let mut found: Vec<&str> = names.filter_map(before).collect();
    found.sort_unstable();
    match found.as_slice() {
        [] | ["", ..] => Ok(String::new()),
        [wrapper] => Ok((*wrapper).to_owned()),
        [first, second, ..] => Err(format!(
            "it has several models, whose tensors begin with {first} and {second}; save the one that is meant in a file of its own"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_before_all_names_is_found() {
        let of = |names: &[&str]| of_names(names.iter().copied());
        for wrapper in ["", "module.", "_orig_mod.", "model.", "clip.", "net.module._orig_mod.", "x."] {
            let names =
                [format!("{wrapper}logit_scale"), format!("{wrapper}visual.proj"), "other".to_owned()];
            assert_eq!(of(&names.each_ref().map(String::as_str)).unwrap(), wrapper);
        }
        assert_eq!(of(&["visual.proj"]).unwrap(), "");
        assert_eq!(of(&["my_logit_scale"]).unwrap(), "");
        // A model that holds another one is itself meant.
        assert_eq!(of(&["teacher.logit_scale", "logit_scale"]).unwrap(), "");
        let message = of(&["model_ema.logit_scale", "model.logit_scale"]).unwrap_err();
        assert!(message.contains("model. and model_ema."), "{message}");
    }
}
