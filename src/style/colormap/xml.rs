//! As much of XML as styles need: the tags, one after the other, with their attributes. What is between them is passed over,
//! and whether each is closed by the right one is not asked.

/// A tag that opens an element, is one by itself, or closes one.
pub(super) struct Tag<'a> {
    pub(super) name: &'a str,
    pub(super) closes: bool,
    /// From 1.
    pub(super) line: usize,
    attributes: Vec<(&'a str, &'a str)>,
}

impl Tag<'_> {
    /// The value of an attribute, with its entities replaced.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        let mut pairs = self.attributes.iter();
        pairs.find(|pair| pair.0 == name).map(|pair| plain(pair.1))
    }
}

/// The tags of a document, in order.
pub(super) struct Tags<'a> {
    text: &'a str,
    /// Bytes read.
    at: usize,
    line: usize,
}

/// A line, and what is wrong there.
pub(super) type Wrong = (usize, &'static str);

impl<'a> Tags<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            line: 1,
        }
    }

    /// What follows up to `end`, which is passed over too.
    fn until(&mut self, end: &str) -> Option<&'a str> {
        let rest = &self.text[self.at..];
        let found = &rest[..rest.find(end)?];
        self.pass(found.len() + end.len());
        Some(found)
    }

    fn pass(&mut self, n_bytes: usize) {
        let passed = &self.text[self.at..][..n_bytes];
        self.line += passed.bytes().filter(|&b| b == b'\n').count();
        self.at += n_bytes;
    }

    fn spaces(&mut self) {
        let rest = &self.text[self.at..];
        self.pass(rest.len() - rest.trim_start().len());
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    /// A name of a tag or an attribute; nothing if there is none.
    fn name(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| c.is_whitespace() || "=/><\"'".contains(c));
        let name = &rest[..end.unwrap_or(rest.len())];
        self.pass(name.len());
        name
    }

    fn read(&mut self) -> Result<Option<Tag<'a>>, Wrong> {
        loop {
            if self.until("<").is_none() {
                return Ok(None);
            }
            let line = self.line;
            let rest = &self.text[self.at..];
            let skipped = [("!--", "-->"), ("![CDATA[", "]]>"), ("?", "?>"), ("!", ">")];
            let Some((_, end)) = skipped.iter().find(|row| rest.starts_with(row.0)) else {
                return self.tag(line).map(Some);
            };
            if self.until(end).is_none() {
                return Err((line, "something that does not end; expected XML"));
            }
        }
    }

    /// The rest of a tag, behind `<`.
    fn tag(&mut self, line: usize) -> Result<Tag<'a>, Wrong> {
        let closes = self.peek() == Some('/');
        if closes {
            self.pass(1);
        }
        let name = self.name();
        if name.is_empty() {
            return Err((line, "'<' without a name behind it; expected XML"));
        }
        let mut attributes = Vec::new();
        loop {
            self.spaces();
            match self.peek() {
                Some('>' | '/') => break,
                None => return Err((line, "a tag that does not end; expected XML")),
                _ => attributes.push(self.attribute()?),
            }
        }
        Ok(Tag {
            name,
            closes,
            line,
            attributes,
        })
    }

    fn attribute(&mut self) -> Result<(&'a str, &'a str), Wrong> {
        let line = self.line;
        let wrong = (
            line,
            "a tag with something else than name=\"value\" in it; expected XML",
        );
        let name = self.name();
        self.spaces();
        if name.is_empty() || self.peek() != Some('=') {
            return Err(wrong);
        }
        self.pass(1);
        self.spaces();
        let quote = match self.peek() {
            Some('"') => "\"",
            Some('\'') => "'",
            _ => return Err(wrong),
        };
        self.pass(1);
        let value = self.until(quote);
        value
            .map(|value| (name, value))
            .ok_or((line, "a value whose quotes do not end; expected XML"))
    }
}

impl<'a> Iterator for Tags<'a> {
    type Item = Result<Tag<'a>, Wrong>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = self.read();
        if read.is_err() {
            self.at = self.text.len();
        }
        read.transpose()
    }
}

/// A text with its entities replaced; those that are none are left as they are.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('&') {
        out.push_str(before);
        let named = behind.split_once(';').filter(|(name, _)| name.len() <= 8);
        match named.and_then(|(name, behind)| Some((entity(name)?, behind))) {
            Some((c, behind)) => {
                out.push(c);
                rest = behind;
            }
            None => {
                out.push('&');
                rest = behind;
            }
        }
    }
    out + rest
}

fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let digits = name.strip_prefix('#')?;
            let number = match digits.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => digits.parse(),
            };
            char::from_u32(number.ok()?)
        }
    }
}
