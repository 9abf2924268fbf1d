//! Addresses without what gives access to them. Reports, names of tilesets and logs are passed around; a signature or a
//! password in an address must not go with them.

/// `name`, one whole name of a source, without a query and without a user's name and password: of
/// `https://me:secret@host/a.tif?sig=…` that is `https://host/a.tif`, and of `PG:user=me password=secret` that is
/// `PG:user=me password=***`. Names that are neither stay as they are.
pub(super) fn address(name: &str) -> String {
    without_passwords(&plain_address(name))
}

fn plain_address(name: &str) -> String {
    let is_virtual = name.contains("/vsi");
    let Some(start) = name.find("://") else {
        // `/vsis3/bucket/a.tif` may have a query too.
        return match name.split_once('?') {
            Some((before, _)) if is_virtual => before.to_owned(),
            _ => name.to_owned(),
        };
    };
    // `/vsicurl?…&url=…`: nobody knows which of its parts are secrets.
    if let Some((before, _)) = name[..start].split_once('?').filter(|_| is_virtual) {
        return before.to_owned();
    }
    let (scheme, rest) = name.split_at(start + "://".len());
    let host_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host_start = rest[..host_end].rfind('@').map_or(0, |at| at + 1);
    let end = rest.find('?').unwrap_or(rest.len());
    format!("{scheme}{}", &rest[host_start..end])
}

/// `text` for people or logs, with every address in it cut as by [`address`].
pub(super) fn text(text: &str) -> String {
    let words = text.split_inclusive(|c: char| c.is_whitespace() || matches!(c, '"' | '<' | '>'));
    without_passwords(&words.map(word).collect::<String>())
}

/// What stands before a password in the names of databases and in the XML of GDAL's drivers, each in small letters.
const BEFORE_PASSWORDS: [&str; 6] = [
    "password=",
    "passwd=",
    "pwd=",
    "<userpwd>",
    "<password>",
    "password:",
];

/// `text`, with `***` for passwords that are called by that name.
fn without_passwords(text: &str) -> String {
    // Letters beyond ASCII keep their length.
    let lower = text.to_ascii_lowercase();
    let (mut out, mut from) = (String::with_capacity(text.len()), 0);
    loop {
        let rest = &lower[from..];
        let next = BEFORE_PASSWORDS
            .iter()
            .filter_map(|key| Some((rest.find(key)?, key.len())))
            .min();
        let Some((at, length)) = next else {
            out.push_str(&text[from..]);
            return out;
        };
        let start = from + at + length;
        let end = start + password_bytes(&text[start..]);
        out.push_str(&text[from..start]);
        if end > start {
            out.push_str("***");
        }
        from = end;
    }
}

/// How long the value at the start of `text` is: as far as its quotes go, or to what ends a word.
fn password_bytes(text: &str) -> usize {
    let Some(quote) = text.chars().next().filter(|c| matches!(c, '\'' | '"')) else {
        let ends = |c: char| c.is_whitespace() || matches!(c, ';' | '&' | '<' | '"' | '\'' | ',');
        return text.find(ends).unwrap_or(text.len());
    };
    text[1..].find(quote).map_or(text.len(), |at| at + 2)
}

/// A word of a text, with the character that ends it.
fn word(word: &str) -> String {
    if !word.contains("://") && !word.contains("/vsi") {
        return word.to_owned();
    }
    let quoted = word.find('\'').filter(|at| {
        let address = word.find("://").or_else(|| word.find("/vsi"));
        address.is_some_and(|address| *at < address)
    });
    // In quotes an address ends where they do; elsewhere with what is no part of the sentence around it.
    let (start, end) = match (quoted, word.rfind('\'')) {
        (Some(first), Some(last)) if first < last => (first + 1, last),
        _ => {
            let is_around = |c: char| c.is_whitespace() || ":,;.()\"<>".contains(c);
            (0, word.trim_end_matches(is_around).len())
        }
    };
    let cut = address(&word[start..end]);
    format!("{}{cut}{}", &word[..start], &word[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lose_their_secrets_and_nothing_else() {
        for (name, expected) in [
            ("http://host/b.tif?sig=abc/SECRET", "http://host/b.tif"),
            ("https://me:SECRET@host:81/b.tif", "https://host:81/b.tif"),
            ("https://me:SEC@RET@host/b@c.tif", "https://host/b@c.tif"),
            ("https://me:SECRET@host?SECRET", "https://host"),
            (
                "/vsicurl/https://host/b.tif?SECRET='",
                "/vsicurl/https://host/b.tif",
            ),
            ("/vsicurl?userpwd=SECRET&url=http://host/b", "/vsicurl"),
            ("/vsis3/bucket/b.tif?SECRET", "/vsis3/bucket/b.tif"),
            ("s3://bucket/b.tif", "s3://bucket/b.tif"),
            (
                "PG:host=h user=u password=SECRET dbname=x",
                "PG:host=h user=u password=*** dbname=x",
            ),
            (
                "MSSQL:server=h;UID=u;PWD='SEC RET';x",
                "MSSQL:server=h;UID=u;PWD=***;x",
            ),
            ("PG:password=", "PG:password="),
            ("what?.tif", "what?.tif"),
            ("me@home/b.tif", "me@home/b.tif"),
        ] {
            assert_eq!(address(name), expected);
        }
    }

    #[test]
    fn texts_lose_the_secrets_of_their_addresses() {
        for (said, expected) in [
            (
                "http://host/b.tif?sig=a'b/SECRET: no raster; expected one?",
                "http://host/b.tif: no raster; expected one?",
            ),
            (
                "gdalwarp -rpc 'https://me:SECRET@host/b.tif?SECRET' ortho.tif",
                "gdalwarp -rpc 'https://host/b.tif' ortho.tif",
            ),
            (
                "'/vsicurl/http://host/b?SECRET' and https://u:SECRET@host, what?",
                "'/vsicurl/http://host/b' and https://host, what?",
            ),
            (
                "<SourceFilename>http://u:SECRET@host/b.tif?SECRET</SourceFilename>",
                "<SourceFilename>http://host/b.tif</SourceFilename>",
            ),
            (
                "<ServerUrl>http://u:SECRET@host/w?</ServerUrl><UserPwd>u:SECRET</UserPwd>",
                "<ServerUrl>http://host/w</ServerUrl><UserPwd>***</UserPwd>",
            ),
            (
                "PG:user=ü password=SECRET: cannot be opened",
                "PG:user=ü password=*** cannot be opened",
            ),
            ("a.tif: no raster (b?c)\n", "a.tif: no raster (b?c)\n"),
        ] {
            assert_eq!(text(said), expected);
        }
    }
}
