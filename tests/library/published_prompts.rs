//! The published prompt files and a real dataset, in the folder `shared` beside the checkout. Without it these tests say
//! that they were skipped.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use cupl_tui::dataset::{ClassNameMap, Dataset, DatasetOptions};
use cupl_tui::prompts::{PromptError, PromptSet, PromptSetContent};

fn shared(path: &str) -> Option<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    if !shared.is_dir() {
        eprintln!("skipped: ../shared is not there");
        return None;
    }
    Some(shared.join(path))
}

fn counts(set: &PromptSet) -> (usize, usize) {
    match &set.content {
        PromptSetContent::Templates(templates) => (1, templates.len()),
        PromptSetContent::PerClass(pairs) => {
            (pairs.len(), pairs.iter().map(|(_, prompts)| prompts.len()).sum())
        }
    }
}

#[test]
fn published_cupl_files_load_and_survive_json() {
    let Some(folder) = shared("prompts") else { return };
    for (file, classes, prompts) in [
        ("cal_prompts_base.json", 102, 3060),
        ("cal_prompts_full.json", 102, 3060),
        ("cifar10_prompts_base.json", 10, 300),
        ("cifar10_prompts_full.json", 10, 300),
        ("imagenet_prompts_base.json", 998, 29_940),
        ("pet_prompts_base.json", 37, 1110),
        ("texture_prompts_full.json", 47, 2820),
    ] {
        let set = PromptSet::read(&folder.join(file)).unwrap();
        assert_eq!(counts(&set), (classes, prompts), "{file}");
        assert_eq!(PromptSet::read_cupl(&folder.join(file)).unwrap(), set);
        assert_eq!(PromptSet::from_json(&set.name, &set.to_json()).unwrap().content, set.content, "{file}");
    }
}

#[test]
fn published_templates_load_by_dataset() {
    let Some(file) = shared("prompts/en_zeroshot_classification_templates.json") else { return };
    let read = |key: &str| PromptSet::read(&PathBuf::from(format!("{}#{key}", file.display()))).unwrap();
    for (key, templates) in [("cifar10", 18), ("imagenet1k", 80), ("caltech101", 34), ("pets", 1)] {
        assert_eq!(counts(&read(key)), (1, templates), "{key}");
    }
    let resolved = read("cifar10").resolve(&["frog".to_owned()]).unwrap();
    assert_eq!(resolved.per_class[0][0], "a photo of a frog.");
    let error = PromptSet::read(&file).unwrap_err();
    assert!(matches!(&error, PromptError::KeyNeeded { keys, .. } if keys.len() == 33), "{error}");
}

#[test]
fn caltech_folders_find_their_prompts_through_the_class_name_map() {
    let (Some(root), Some(prompts)) = (shared("datasets/caltech101-mini"), shared("prompts")) else { return };
    let cupl = PromptSet::read(&prompts.join("cal_prompts_base.json")).unwrap();

    let plain = Dataset::from_folder(&root, &DatasetOptions::default()).unwrap();
    let PromptError::Mismatch(mismatch) = cupl.resolve(&plain.class_names()).unwrap_err() else {
        panic!("folder names are no keys")
    };
    let near =
        |folder: &str| &mismatch.missing.iter().find(|missing| missing.class_name == folder).unwrap().nearest;
    assert_eq!(near("Leopards"), &["leopard"]);
    assert!(near("Faces").contains(&"off-center face".to_owned()));

    let map = ClassNameMap::read(&prompts.join("caltech101_folder_to_cupl_key.json")).unwrap();
    let options = DatasetOptions { class_names: Some(map), ..DatasetOptions::default() };
    let mapped = Dataset::from_folder(&root, &options).unwrap();
    assert_eq!((mapped.classes.len(), mapped.images.len()), (100, 800));
    assert_eq!((mapped.skipped.len(), mapped.ignored.len()), (0, 0));
    assert_eq!(mapped.notes.len(), 1, "{:?}", mapped.notes);
    let resolved = cupl.resolve(&mapped.class_names()).unwrap();
    assert_eq!(resolved.per_class.len(), 100);
    assert_eq!(resolved.loosely_matched, []);
}

#[test]
fn the_published_class_names_find_their_prompts() {
    let Some(prompts) = shared("prompts") else { return };
    let names = |key: &str| -> Vec<String> {
        let text = std::fs::read_to_string(prompts.join("en_classnames.json")).unwrap();
        let names: HashMap<String, Vec<String>> = serde_json::from_str(&text).unwrap();
        names[key].clone()
    };
    let imagenet = PromptSet::read(&prompts.join("imagenet_prompts_base.json")).unwrap();
    let resolved = imagenet.resolve(&names("imagenet1k")).unwrap();
    assert_eq!(resolved.per_class.len(), 1000);
    assert_eq!((resolved.loosely_matched.len(), resolved.left_over.len()), (0, 0));

    let pets = PromptSet::read(&prompts.join("pet_prompts_base.json")).unwrap();
    let message = pets.resolve(&names("imagenet1k")).unwrap_err().to_string();
    assert_eq!(message.lines().count(), 4, "{message}");
    assert!(message.contains("of 1000 classes") && message.contains("left over: "), "{message}");
}

#[test]
fn published_class_names_name_folders_in_order() {
    let Some(file) = shared("prompts/en_classnames.json#eurosat") else { return };
    let root = tempfile::tempdir().unwrap();
    for class in 0..10 {
        let folder = root.path().join(format!("{class}"));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("1.jpg"), b"").unwrap();
    }
    let map = ClassNameMap::read(&file).unwrap();
    let options = DatasetOptions { class_names: Some(map), ..DatasetOptions::default() };
    let dataset = Dataset::from_folder(root.path(), &options).unwrap();
    assert_eq!(dataset.classes[1].name, "forest");
}
