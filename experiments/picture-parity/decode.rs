//! Decodes every file of a folder for `compare.py`: `decode FOLDER OUT` writes `OUT/NAME.rgb` (width and height as u32,
//! little-endian, then RGB bytes) or `OUT/NAME.err` (the message).

use std::error::Error;
use std::path::PathBuf;

use cupl_tui::dataset::PictureSource;

fn main() -> Result<(), Box<dyn Error>> {
    let mut folders = std::env::args().skip(1).map(PathBuf::from);
    let (Some(folder), Some(out)) = (folders.next(), folders.next()) else { return Err("FOLDER OUT".into()) };
    std::fs::create_dir_all(&out)?;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match PictureSource::File(path).decode() {
            Ok(picture) => {
                let (width, height) = picture.dimensions();
                let content = [&width.to_le_bytes()[..], &height.to_le_bytes(), picture.as_raw()].concat();
                std::fs::write(out.join(format!("{name}.rgb")), content)?;
            }
            Err(error) => std::fs::write(out.join(format!("{name}.err")), error.to_string())?,
        }
    }
    Ok(())
}
