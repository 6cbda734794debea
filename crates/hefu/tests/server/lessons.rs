//! The lessons at `/learn`.

use crate::process::{Home, Server};

fn text(server: &Server, path: &str) -> String {
    let response = server.get(path);
    assert_eq!(response.status, 200, "{path}");
    response.text().to_owned()
}

#[test]
fn lessons_are_served_beside_the_page() {
    let home = Home::new();
    let server = home.serve(&[]);
    let list = text(&server, "/learn/en");
    for link in list.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        if link.starts_with("/learn") {
            text(&server, link);
        }
    }
    assert!(list.contains("/learn/en/01-tokens") && list.contains("/learn/learn.css"));
    assert!(text(&server, "/learn/zh-CN/01-tokens").contains("词元"));
    assert_eq!(server.get("/learn/en/absent").status, 404);
}
