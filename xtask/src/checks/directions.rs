//! Inside a crate, modules use one another in one direction: no circle. What counts as use is said in `modules.rs`.

use std::path::Path;

use crate::files;
use crate::modules::Crate;

pub(crate) fn run(root: &Path) -> Vec<String> {
    let mut problems = Vec::new();
    for source in files::crate_roots(root) {
        let found = match Crate::read(&source) {
            Ok(found) => found,
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        let place = files::short(root, source.parent().unwrap_or(root));
        for (members, way) in found.circles() {
            let way = way.join("; ");
            problems.push(format!("{place}: {members} modules use one another in a circle: {way}"));
        }
    }
    problems
}
