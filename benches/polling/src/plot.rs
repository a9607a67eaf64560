//! Plot of requests per job against mean lateness, with every polling strategy.

use std::fmt::Write as _;

use crate::{
    alone::Looking,
    jobs::{Lengths, Progress},
    report::{Cell, PRICE, Settings, simulate},
};

const LENGTHS: Lengths = Lengths::LogNormal { median: 40.0, sigma: 0.5 };
const PRICES: [f64; 9] = [0.003, 0.006, 0.0125, 0.025, PRICE, 0.1, 0.2, 0.4, 0.8];
const PAUSES: [f64; 11] = [0.1, 0.15, 0.25, 0.4, 0.6, 1.0, 1.6, 2.5, 4.0, 6.0, 9.0];

/// Requests and lateness.
type Point = (f64, f64);

/// Size of the plot, and position of its axes.
const SIZE: (f64, f64) = (860.0, 560.0);
const FRAME: (f64, f64, f64, f64) = (76.0, 84.0, 826.0, 484.0);
const REQUESTS: (f64, f64) = (2.0, 600.0);
const SECONDS: (f64, f64) = (0.1, 8.0);

const STYLE: &str = "\
.card{fill:#fff;stroke:#d8dee6}.grid{stroke:#e7ebf0}.axis{stroke:#8b96a5}text{fill:#4a5563;font:13px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif}\
.title{fill:#16202c;font-size:17px;font-weight:600}.tick{font-size:12px;fill:#6b7686}.line{fill:none;stroke-width:2.5;stroke-linejoin:round;stroke-linecap:round}\
.fixed{stroke:#7c8796}.blind{stroke:#c2740a}.known{stroke:#1769c2}.said{stroke:#12805c}.both{stroke:#8a3fc0}\
.dot{stroke:#fff;stroke-width:1.5}text.fixed{fill:#5b6675;stroke:none}text.blind{fill:#a86200;stroke:none}text.known{fill:#1769c2;stroke:none}\
text.said{fill:#12805c;stroke:none}text.both{fill:#8a3fc0;stroke:none}.name{font-weight:600}\
circle.fixed{fill:#7c8796}circle.blind{fill:#c2740a}circle.known{fill:#1769c2}circle.said{fill:#12805c}circle.both{fill:#8a3fc0}\
circle.dot{stroke:#fff}\
@media (prefers-color-scheme:dark){.card{fill:#10161d;stroke:#2b3542}.grid{stroke:#222c38}.axis{stroke:#6f7b8a}text{fill:#b6c0cc}.title{fill:#eef2f6}.tick{fill:#8f9baa}\
.dot{stroke:#10161d}.fixed{stroke:#8f9aa9}text.fixed{fill:#a9b4c2}circle.fixed{fill:#8f9aa9}.blind{stroke:#e8a13c}text.blind{fill:#e8a13c}circle.blind{fill:#e8a13c}\
.known{stroke:#5aa6f2}text.known{fill:#5aa6f2}circle.known{fill:#5aa6f2}.said{stroke:#3fc39a}text.said{fill:#3fc39a}circle.said{fill:#3fc39a}\
.both{stroke:#c08cf0}text.both{fill:#c08cf0}circle.both{fill:#c08cf0}circle.dot{stroke:#10161d}}";

/// Draws the plot.
pub(crate) fn draw(settings: Settings) -> String {
    let settings = Settings { jobs: settings.jobs.min(5000), seeds: 1 };
    let points = |cells: &[Cell]| -> Vec<Point> {
        simulate(cells, settings)
            .iter()
            .map(|results| (results.mean(|s| s.requests), results.mean(|s| s.late[0])))
            .collect()
    };
    let looking = |looking: Vec<Looking>, progress| {
        let cells: Vec<Cell> =
            looking.into_iter().map(|looking| Cell { lengths: LENGTHS, progress, looking }).collect();
        points(&cells)
    };
    let ours = |progress, history| {
        let at = |price| Looking::Core { price, history, factor: 1.0 };
        looking(PRICES.map(at).to_vec(), progress)
    };
    let fixed = |pause, jitter| Looking::Fixed { pause, jitter };

    let mut svg = Svg::new();
    let line = looking(PAUSES.map(|pause| fixed(pause, 0.0)).to_vec(), Progress::None);
    svg.line("fixed", &line);
    let peers = [
        ("every 0.1 s (fal)", fixed(0.1, 0.0), (-12.0, 4.0, "end")),
        ("every 0.5 s (Replicate)", fixed(0.5, 0.0), (12.0, -4.0, "start")),
        ("every 1 s (OpenAI)", fixed(1.0, 0.0), (12.0, -4.0, "start")),
        ("6 ± 1.5 s (Runway)", fixed(6.0, 1.5), (12.0, -2.0, "start")),
        (
            "backoff, 1 s × 1.5 to 10 s",
            Looking::Backoff { first: 1.0, factor: 1.5, most: 10.0 },
            (12.0, -4.0, "start"),
        ),
    ];
    let at = looking(peers.map(|peer| peer.1).to_vec(), Progress::None);
    for ((name, _, (x, y, anchor)), point) in peers.into_iter().zip(at) {
        svg.dot("fixed", point);
        svg.text("fixed", point, (x, y), anchor, name);
    }
    let default = PRICES.iter().position(|price| price.total_cmp(&PRICE).is_eq()).unwrap_or_default();
    let lines = [
        ("blind", "Infrai, nothing known", Progress::None, 0, (14.0, -8.0, "start"), default),
        ("known", "Infrai, 20 earlier lengths", Progress::None, 20, (-12.0, 12.0, "end"), 0),
        ("said", "Infrai, progress", Progress::Usual, 0, (12.0, 6.0, "start"), 0),
        ("both", "Infrai, progress and 20 lengths", Progress::Usual, 20, (-12.0, 6.0, "end"), 0),
    ];
    for (class, name, progress, history, (x, y, anchor), at) in lines {
        let points = ours(progress, history);
        svg.line(class, &points);
        svg.dot(class, points[default]);
        svg.text(&format!("{class} name"), points[at], (x, y), anchor, name);
    }
    svg.finish()
}

struct Svg(String);

/// Returns the position of a value between two others on a logarithmic axis.
fn place(value: f64, (from, to): (f64, f64)) -> f64 {
    (value / from).ln() / (to / from).ln()
}

fn screen((requests, seconds): Point) -> (f64, f64) {
    let (left, top, right, bottom) = FRAME;
    (left + (right - left) * place(requests, REQUESTS), bottom - (bottom - top) * place(seconds, SECONDS))
}

impl Svg {
    fn new() -> Self {
        let (width, height) = SIZE;
        let (left, top, right, bottom) = FRAME;
        let mut svg = Self(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
             role=\"img\" aria-label=\"Requests per job against mean lateness\"><style>{STYLE}</style>\
             <rect class=\"card\" x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"10\"/>\n",
            width - 1.0,
            height - 1.0
        ));
        svg.put(
            "title",
            (28.0, 36.0),
            "start",
            "Requests against lateness, for simulated jobs of about 40 s",
        );
        svg.put("tick", (28.0, 58.0), "start", "Down and to the left is better. Along a line the request cost, or the interval, changes. The dot on a coloured line is the default.");
        for requests in [2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0] {
            let (x, _) = screen((requests, 1.0));
            let _ = writeln!(svg.0, "<path class=\"grid\" d=\"M{x:.1} {top}V{bottom}\"/>");
            svg.put("tick", (x, bottom + 19.0), "middle", &requests.to_string());
        }
        for seconds in [0.1, 0.2, 0.5, 1.0, 2.0, 5.0] {
            let (_, y) = screen((2.0, seconds));
            let _ = writeln!(svg.0, "<path class=\"grid\" d=\"M{left} {y:.1}H{right}\"/>");
            svg.put("tick", (left - 10.0, y + 4.0), "end", &format!("{seconds} s"));
        }
        let _ = writeln!(svg.0, "<path class=\"axis\" fill=\"none\" d=\"M{left} {top}V{bottom}H{right}\"/>");
        svg.put("", (f64::midpoint(left, right), bottom + 48.0), "middle", "requests per job");
        let (x, y) = (24.0, f64::midpoint(top, bottom));
        let _ = writeln!(
            svg.0,
            "<text transform=\"translate({x} {y}) rotate(-90)\" text-anchor=\"middle\">mean lateness</text>"
        );
        svg
    }

    fn put(&mut self, class: &str, (x, y): (f64, f64), anchor: &str, text: &str) {
        let _ = writeln!(
            self.0,
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
        );
    }

    fn text(&mut self, class: &str, point: Point, (right, down): (f64, f64), anchor: &str, text: &str) {
        let (x, y) = screen(point);
        self.put(class, (x + right, y + down), anchor, text);
    }

    fn line(&mut self, class: &str, points: &[Point]) {
        let steps: Vec<String> = points
            .iter()
            .map(|&point| screen(point))
            .filter(|(x, y)| *x >= FRAME.0 && *x <= FRAME.2 && *y >= FRAME.1 && *y <= FRAME.3)
            .map(|(x, y)| format!("{x:.1} {y:.1}"))
            .collect();
        let _ = writeln!(self.0, "<path class=\"line {class}\" d=\"M{}\"/>", steps.join("L"));
    }

    fn dot(&mut self, class: &str, point: Point) {
        let (x, y) = screen(point);
        let _ = writeln!(self.0, "<circle class=\"{class} dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5.5\"/>");
    }

    fn finish(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
    }
}
