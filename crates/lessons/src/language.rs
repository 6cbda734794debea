//! The languages in which lessons are written.

use serde::Deserialize;

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Simplified Chinese.
    Chinese,
}

/// Something in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Both<T> {
    en: T,
    #[serde(rename = "zh-CN")]
    zh: T,
}

impl Language {
    /// Both of them.
    pub const ALL: [Language; 2] = [Language::English, Language::Chinese];

    /// Its name in addresses, files and `lang` (BCP 47).
    pub fn code(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::Chinese => "zh-CN",
        }
    }

    /// The one that a header `Accept-Language` (RFC 9110) asks for first; English where it asks for neither.
    pub fn preferred(header: &str) -> Language {
        let mut best = (Language::English, 0.0);
        for part in header.split(',') {
            let mut pieces = part.split(';').map(str::trim);
            let name = pieces.next().unwrap_or_default();
            let quality = pieces.find_map(|piece| piece.strip_prefix("q=")?.parse().ok()).unwrap_or(1.0);
            let language = match name.get(..2).map(str::to_ascii_lowercase).as_deref() {
                Some("zh") => Language::Chinese,
                Some("en") => Language::English,
                _ => continue,
            };
            if quality > best.1 {
                best = (language, quality);
            }
        }
        best.0
    }

    /// One of two things, by the language.
    pub fn choose<T>(self, english: T, chinese: T) -> T {
        match self {
            Language::English => english,
            Language::Chinese => chinese,
        }
    }
}

impl<T> Both<T> {
    /// The one in a language.
    pub fn of(&self, language: Language) -> &T {
        language.choose(&self.en, &self.zh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_that_a_browser_asks_for_first_is_taken() {
        for (header, language) in [
            ("", Language::English),
            ("zh-CN,zh;q=0.9,en;q=0.8", Language::Chinese),
            ("en-GB;q=0.5, zh;q=0.6", Language::Chinese),
            ("fr, en;q=0.1", Language::English),
            ("fr, zh;q=0.1", Language::Chinese),
            ("中", Language::English),
            ("*;q=x", Language::English),
        ] {
            assert_eq!(Language::preferred(header), language, "{header}");
        }
    }
}
