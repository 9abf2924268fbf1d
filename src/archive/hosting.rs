//! [`Host`]: notes for who serves a folder of tiles, one file each, ready to be used.
//!
//! All say the same: what type tiles are of, that any page may show them, that they may be kept for a week and what
//! describes them for five minutes.

use crate::encode::Format;

/// A server, or a service, that is told by a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// nginx, from 1.7.5 on.
    Nginx,
    /// Caddy 2.
    Caddy,
    /// Services that read `_headers`: Netlify, Cloudflare Pages and others.
    Headers,
}

/// How long tiles may be kept: a week. They change only with the tileset.
const TILES: &str = "public, max-age=604800";

/// How long `tilejson.json` and `metadata.json` may be kept: five minutes.
const JSON: &str = "public, max-age=300";

impl Host {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Nginx, Self::Caddy, Self::Headers];

    /// Its name on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Caddy => "caddy",
            Self::Headers => "headers",
        }
    }

    /// The name of its file in the folder of tiles.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx.conf",
            Self::Caddy => "Caddyfile",
            Self::Headers => "_headers",
        }
    }

    /// The text of its file, for tiles of `format`.
    pub fn text(self, format: Format) -> String {
        match self {
            Self::Nginx => nginx(format),
            Self::Caddy => caddy(),
            Self::Headers => headers(),
        }
    }
}

/// Inner locations inherit `root`, but not `alias`; and of `add_header` all or nothing. Without `always` it is silent where
/// there is no tile, which browsers then take for an error of another kind.
fn nginx(format: Format) -> String {
    let (extension, media_type) = (format.extension(), format.info().media_type);
    format!(
        "\
# For nginx. Call this folder `tiles`, say after `root` which folder it is in, and `include` this file in a server block.
location /tiles/ {{
    root /var/www;
    types {{
        {media_type} {extension};
        application/json json;
    }}
    default_type text/plain;
    add_header Access-Control-Allow-Origin \"*\" always;
    add_header Cache-Control \"{TILES}\";
    # Tiles with nothing on them are not there; nobody wants to read of that.
    log_not_found off;

    # What describes the tiles.
    location ~ \\.json$ {{
        add_header Access-Control-Allow-Origin \"*\" always;
        add_header Cache-Control \"{JSON}\";
    }}
}}
"
    )
}

/// Caddy knows the types of all our files. `?` sets what is not set yet, whatever the order of directives.
fn caddy() -> String {
    format!(
        "\
# For Caddy. Say after `root` where this folder is, and `import` this file in a site's block.
handle_path /tiles/* {{
	root * /var/www/tiles
	@json path *.json
	header Access-Control-Allow-Origin \"*\"
	header @json Cache-Control \"{JSON}\"
	header ?Cache-Control \"{TILES}\"
	file_server
}}
"
    )
}

/// Services add up what several rules say, so none is for a file of another one.
fn headers() -> String {
    let mut text =
        String::from("# For Netlify, Cloudflare Pages and others: publish this folder.\n");
    let rules = [
        ("/:z/:x/:y", TILES),
        ("/tilejson.json", JSON),
        ("/metadata.json", JSON),
    ];
    for (path, kept) in rules {
        text.push_str(&format!(
            "{path}\n  Access-Control-Allow-Origin: *\n  Cache-Control: {kept}\n"
        ));
    }
    text
}
