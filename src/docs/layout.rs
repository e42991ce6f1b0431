//! Where things are drawn: placed by hand, as data, so that a picture changes only where its table
//! does.

/// A point, in pixels from the upper left.
pub(super) type Point = (i32, i32);

/// The places of one diagram.
pub(super) struct Layout {
    pub(super) size: Point,
    /// The middle of each state's box.
    pub(super) states: &'static [(&'static str, Point)],
    /// Upper left and lower right of the frame around the group.
    pub(super) frame: Option<(Point, Point)>,
    pub(super) routes: &'static [Route],
}

/// The way of one arrow.
pub(super) struct Route {
    pub(super) tail: &'static str,
    pub(super) to: &'static str,
    /// A start, then cubic curves: two control points and an end, each.
    pub(super) path: &'static [Point],
    /// The middle of the label's left edge, of the label, or of its right edge.
    pub(super) label: Point,
    pub(super) align: Align,
    /// How many characters a line of the label may have.
    pub(super) width: usize,
}

/// What of a label its point is.
#[derive(Clone, Copy)]
pub(super) enum Align {
    Left,
    Middle,
    Right,
}

use Align::{Left, Middle, Right};

const fn route(
    tail: &'static str,
    to: &'static str,
    path: &'static [Point],
    (align, label, width): (Align, Point, usize),
) -> Route {
    Route { tail, to, path, label, align, width }
}

/// The layout for a table; none if it has no diagram.
pub(super) fn of(table: &str) -> Option<&'static Layout> {
    match table {
        "session" => Some(&SESSION),
        "connection" => Some(&CONNECTION),
        "client" => Some(&CLIENT),
        "node" => Some(&NODE),
        _ => None,
    }
}

#[rustfmt::skip]
static SESSION: Layout = Layout {
    size: (1000, 850),
    states: &[
        ("CREATED",   (600, 62)),
        ("STARTING",  (600, 190)),
        ("SUSPENDED", (600, 385)),
        ("ACTIVE",    (410, 590)),
        ("DETACHED",  (790, 590)),
        ("ENDED",     (410, 790)),
        ("CLOSING",   (790, 790)),
    ],
    frame: Some(((290, 325), (910, 660))),
    routes: &[
        route("CREATED",   "STARTING",  &[(600, 80), (600, 110), (600, 140), (600, 170)],                (Left,   (610, 125), 20)),
        route("CREATED",   "ENDED",     &[(540, 55), (280, 60), (140, 170), (140, 420), (140, 660), (200, 780), (348, 785)], (Left, (156, 350), 15)),
        route("STARTING",  "ACTIVE",    &[(550, 208), (400, 270), (322, 370), (322, 500), (322, 560), (325, 585), (348, 590)], (Right,  (452, 246), 20)),
        route("STARTING",  "DETACHED",  &[(650, 208), (800, 270), (878, 370), (878, 500), (878, 560), (875, 585), (852, 590)], (Left,   (703, 227), 20)),
        route("STARTING",  "SUSPENDED", &[(600, 208), (600, 260), (600, 310), (600, 365)],               (Left,   (610, 285), 20)),
        route("STARTING",  "CLOSING",   &[(660, 186), (890, 190), (948, 320), (948, 490), (948, 680), (935, 775), (852, 787)], (Left, (957, 490), 10)),
        route("STARTING",  "ENDED",     &[(540, 190), (340, 195), (262, 280), (262, 450), (262, 630), (290, 730), (355, 770)], (Right, (252, 490), 15)),
        route("ACTIVE",    "DETACHED",  &[(470, 583), (550, 574), (650, 574), (728, 583)],               (Middle, (600, 564), 20)),
        route("DETACHED",  "ACTIVE",    &[(730, 599), (650, 608), (550, 608), (472, 599)],               (Middle, (600, 620), 20)),
        route("ACTIVE",    "SUSPENDED", &[(430, 572), (445, 500), (490, 430), (538, 396)],               (Right,  (461, 470), 20)),
        route("SUSPENDED", "ACTIVE",    &[(570, 403), (550, 460), (520, 520), (470, 570)],               (Left,   (526, 520), 14)),
        route("DETACHED",  "SUSPENDED", &[(770, 572), (755, 500), (710, 430), (662, 396)],               (Left,   (739, 470), 20)),
        route("SUSPENDED", "DETACHED",  &[(630, 403), (650, 460), (680, 520), (730, 570)],               (Right,  (648, 480), 14)),
        route("DETACHED",  "CLOSING",   &[(820, 608), (826, 670), (826, 710), (820, 770)],               (Left,   (834, 685), 20)),
        route("UP",        "CLOSING",   &[(760, 660), (760, 690), (760, 730), (764, 770)],               (Right,  (752, 685), 10)),
        route("UP",        "ENDED",     &[(390, 660), (390, 690), (390, 730), (394, 770)],               (Left,   (402, 715), 32)),
        route("CLOSING",   "ENDED",     &[(730, 790), (650, 790), (560, 790), (472, 790)],               (Middle, (600, 818), 28)),
        route("ENDED",     "CREATED",   &[(350, 798), (150, 802), (30, 680), (30, 420), (30, 160), (240, 42), (538, 46)], (Left, (39, 420), 10)),
    ],
};

#[rustfmt::skip]
static CONNECTION: Layout = Layout {
    size: (700, 440),
    states: &[
        ("CONNECTING", (330, 62)),
        ("OPEN",       (110, 230)),
        ("CLOSING",    (330, 230)),
        ("CLOSED",     (330, 400)),
    ],
    frame: None,
    routes: &[
        route("CONNECTING", "OPEN",    &[(280, 80), (220, 110), (140, 150), (115, 210)], (Right, (178, 130), 20)),
        route("CONNECTING", "CLOSING", &[(330, 80), (330, 120), (330, 160), (330, 210)], (Left,  (340, 145), 24)),
        route("CONNECTING", "CLOSED",  &[(390, 62), (520, 70), (560, 130), (560, 230), (560, 330), (500, 390), (392, 400)], (Left, (570, 230), 12)),
        route("OPEN",       "CLOSING", &[(170, 230), (200, 230), (230, 230), (268, 230)], (Middle, (219, 205), 10)),
        route("OPEN",       "CLOSED",  &[(115, 248), (130, 330), (180, 380), (268, 398)], (Right, (135, 335), 20)),
        route("CLOSING",    "CLOSED",  &[(330, 248), (330, 290), (330, 340), (330, 380)], (Left,  (340, 315), 22)),
    ],
};

#[rustfmt::skip]
static CLIENT: Layout = Layout {
    size: (1150, 900),
    states: &[
        ("STOPPED",     (150, 250)),
        ("DORMANT",     (930, 400)),
        ("BACKING_OFF", (560, 250)),
        ("CONNECTING",  (560, 400)),
        ("ATTACHING",   (560, 540)),
        ("REPLAYING",   (430, 710)),
        ("LIVE",        (430, 830)),
        ("HIDDEN",      (830, 770)),
    ],
    frame: Some(((320, 650), (960, 880))),
    routes: &[
        route("STOPPED",     "BACKING_OFF", &[(210, 243), (300, 236), (400, 236), (498, 243)],      (Middle, (350, 228), 20)),
        route("BACKING_OFF", "STOPPED",     &[(500, 257), (400, 264), (300, 264), (212, 257)],      (Middle, (350, 274), 20)),
        route("DORMANT",     "STOPPED",     &[(950, 382), (960, 80), (150, 80), (150, 230)],        (Middle, (560, 124), 20)),
        route("DORMANT",     "BACKING_OFF", &[(900, 382), (840, 300), (740, 260), (622, 248)],      (Left,   (806, 292), 20)),
        route("BACKING_OFF", "DORMANT",     &[(615, 268), (700, 290), (780, 340), (868, 388)],      (Right,  (744, 334), 20)),
        route("BACKING_OFF", "CONNECTING",  &[(560, 268), (560, 310), (560, 350), (560, 380)],      (Left,   (566, 310), 20)),
        route("CONNECTING",  "BACKING_OFF", &[(522, 382), (496, 350), (496, 305), (520, 270)],      (Right,  (494, 326), 18)),
        route("CONNECTING",  "STOPPED",     &[(500, 402), (400, 400), (250, 350), (180, 270)],      (Right,  (262, 352), 12)),
        route("CONNECTING",  "DORMANT",     &[(620, 400), (700, 404), (780, 404), (868, 402)],      (Middle, (800, 416), 20)),
        route("CONNECTING",  "ATTACHING",   &[(560, 418), (560, 450), (560, 490), (560, 520)],      (Left,   (566, 462), 20)),
        route("ATTACHING",   "STOPPED",     &[(500, 540), (340, 530), (200, 420), (160, 270)],      (Right,  (236, 450), 12)),
        route("ATTACHING",   "DORMANT",     &[(620, 540), (740, 530), (860, 480), (915, 420)],      (Left,   (836, 500), 20)),
        route("ATTACHING",   "BACKING_OFF", &[(605, 522), (690, 450), (690, 330), (600, 270)],      (Left,   (680, 460), 18)),
        route("ATTACHING",   "REPLAYING",   &[(560, 558), (555, 600), (500, 660), (470, 690)],      (Left,   (566, 596), 34)),
        route("REPLAYING",   "LIVE",        &[(430, 728), (430, 760), (430, 790), (430, 810)],      (Left,   (438, 770), 20)),
        route("REPLAYING",   "HIDDEN",      &[(490, 706), (600, 710), (720, 725), (800, 750)],      (Middle, (660, 706), 20)),
        route("HIDDEN",      "REPLAYING",   &[(770, 768), (680, 765), (570, 745), (488, 722)],      (Middle, (620, 766), 20)),
        route("LIVE",        "HIDDEN",      &[(490, 834), (610, 838), (730, 820), (795, 790)],      (Middle, (650, 842), 20)),
        route("REPLAYING",   "BACKING_OFF", &[(372, 704), (290, 620), (330, 340), (500, 262)],      (Left,   (342, 480), 20)),
        route("LIVE",        "BACKING_OFF", &[(372, 826), (220, 740), (260, 340), (498, 258)],      (Right,  (284, 560), 20)),
        route("WELCOMED",    "STOPPED",     &[(320, 850), (140, 800), (90, 500), (136, 270)],       (Right,  (128, 560), 12)),
        route("WELCOMED",    "BACKING_OFF", &[(930, 650), (1080, 520), (1060, 200), (622, 240)],    (Left,   (1012, 420), 16)),
    ],
};

#[rustfmt::skip]
static NODE: Layout = Layout {
    size: (920, 360),
    states: &[
        ("OUTSIDE", (130, 70)),
        ("MEMBER",  (440, 70)),
        ("UNSURE",  (760, 70)),
        ("FENCED",  (600, 260)),
        ("LEFT",    (280, 260)),
    ],
    frame: None,
    routes: &[
        route("OUTSIDE", "MEMBER", &[(190, 70), (250, 70), (320, 70), (378, 70)],     (Middle, (284, 58), 20)),
        route("OUTSIDE", "LEFT",   &[(120, 88), (120, 170), (150, 235), (218, 253)],  (Right,  (118, 180), 20)),
        route("OUTSIDE", "FENCED", &[(160, 88), (230, 180), (420, 215), (538, 250)],  (Right,  (262, 196), 20)),
        route("MEMBER",  "UNSURE", &[(500, 64), (560, 54), (640, 54), (698, 64)],     (Middle, (600, 46), 20)),
        route("MEMBER",  "FENCED", &[(460, 88), (490, 150), (540, 200), (580, 240)],  (Left,   (505, 155), 20)),
        route("MEMBER",  "LEFT",   &[(425, 88), (400, 150), (340, 200), (300, 240)],  (Right,  (384, 140), 20)),
        route("UNSURE",  "MEMBER", &[(700, 78), (640, 90), (560, 90), (502, 78)],     (Middle, (600, 104), 20)),
        route("UNSURE",  "FENCED", &[(750, 88), (730, 150), (680, 210), (630, 240)],  (Left,   (735, 165), 10)),
        route("UNSURE",  "LEFT",   &[(790, 88), (880, 330), (480, 370), (300, 280)],  (Middle, (560, 338), 20)),
    ],
};
