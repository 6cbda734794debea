//! The lessons that there are: the program's own, and those of a folder.

use crate::failure::Failure;
use hefu_lessons::lesson::{Lesson, built_in, in_folder};
use std::path::Path;

/// The lessons of the program, and those of a folder.
///
/// # Errors
/// A fault of one of them.
pub(crate) fn lessons(folder: Option<&Path>) -> Result<Vec<Lesson>, Failure> {
    let mut lessons = built_in().map_err(|error| Failure::Other(error.to_string()))?.to_vec();
    let further = folder.map(in_folder).transpose().map_err(|error| Failure::Other(error.to_string()))?;
    for lesson in further.unwrap_or_default() {
        // A teacher's own version takes the place of the program's.
        lessons.retain(|other| other.name != lesson.name);
        lessons.push(lesson);
    }
    lessons.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(lessons)
}
