'use strict';
/* Draws what page.c wrote (its head says how). Data become text only by textContent and fillText. */
const root = document.documentElement, $ = id => document.getElementById(id);
root.dataset.errors = 0;
addEventListener('error', e => {
    root.dataset.errors++;
    warn('This page has a fault: ' + e.message + ' (line ' + e.lineno + ')');
});

const ROLES = ['off', 'init', 'backup', 'master'], STRETCHES = ['dark', 'double'];
const ROLE_WORDS = ['off', 'INIT', 'BACKUP', 'MASTER'], STRETCH_WORDS = ['no master', 'two masters'];
const KINDS = ['advert', 'farewell', 'refused', 'announcement', 'stranger', 'lost', 'event'];
const AXIS = 40, HEAD = 20, LANE = 34, BAND = 15, EDGE = 8, LIST_MAX = 2000, NEAR = 7;

/* --- data ---------------------------------------------------------------------------------------- */

const lanes = [], groups = [], notes = [], stretches = [], points = [];
let header = null, ending = null, last = 1;

function read(line) {
    const r = JSON.parse(line);
    switch (r[0]) {
    case 'H': header = {title: r[1], source: r[2], origin: BigInt(r[3].replace('.', ''))}; last = Math.max(1, r[4]); break;
    case 'L': {
        let group = groups.find(g => g.name === r[1]);
        if (!group) groups.push(group = {name: r[1], lanes: [], stretches: []});
        const lane = {name: r[2], detail: r[3], group, spans: [], points: [], number: lanes.length};
        group.lanes.push(lane);
        lanes.push(lane);
        break;
    }
    case 'S': lanes[r[1]].spans.push({type: 'span', lane: lanes[r[1]], at: r[2], to: r[3], role: r[4], text: r[5]}); break;
    case 'X': {
        const group = groups.find(g => g.name === r[1]);
        const stretch = {type: 'stretch', group, at: r[2], to: r[3], kind: r[4], text: r[5]};
        if (group) group.stretches.push(stretch);
        stretches.push(stretch);
        break;
    }
    case 'N': notes.push({type: 'note', at: r[1], text: r[2]}); break;
    case 'P': {
        const point = {type: 'point', lane: lanes[r[1]], at: r[2], kind: r[3], text: r[4], bytes: r[5], size: r[6], number: points.length};
        point.lane.points.push(point);
        points.push(point);
        break;
    }
    case 'E': ending = {points: r[1], stride: r[2], adverts: r[3], others: r[4]}; break;
    }
}

const began = performance.now();
for (const line of $('data').textContent.split('\n')) {
    if (line !== '') {
        try {
            read(line);
        } catch (e) {
            ending = null; /* a file that was cut off is drawn as far as it goes */
            break;
        }
    }
}
const byTime = (a, b) => a.at - b.at;
for (const list of [stretches, ...lanes.flatMap(l => [l.spans, l.points]), ...groups.map(g => g.stretches)]) list.sort(byTime);
for (const lane of lanes) {
    lane.masters = lane.spans.filter(s => s.role === 3);
    lane.others = lane.spans.filter(s => s.role !== 3);
}

/* The first of a sorted list that is not earlier. */
function lower(list, at) {
    let low = 0, high = list.length;
    while (low < high) {
        const middle = (low + high) >> 1;
        if (list[middle].at < at) low = middle + 1; else high = middle;
    }
    return low;
}

/* --- words --------------------------------------------------------------------------------------- */

function warn(text) {
    const p = $('warning');
    p.hidden = false;
    p.textContent += (p.textContent && ' · ') + text;
}

function seconds(ns, decimals = 9) {
    const whole = Math.round(Math.abs(ns)), part = String(whole % 1e9).padStart(9, '0').slice(0, decimals);
    return (ns < 0 ? '−' : '') + Math.floor(whole / 1e9) + (decimals > 0 ? '.' + part : '');
}

function length(ns) {
    const least = ns * 1.00005; /* what is rounded to 1000 ms is 1 s */
    const [unit, name] = least >= 1e9 ? [1e9, 's'] : least >= 1e6 ? [1e6, 'ms'] : least >= 1e3 ? [1e3, 'µs'] : [1, 'ns'];
    return String(Number((ns / unit).toPrecision(ns >= 1e11 ? 6 : 4))) + ' ' + name;
}

function utc(ns) {
    const all = header.origin + BigInt(Math.round(ns)), part = String(all % 1000000000n).padStart(9, '0');
    return new Date(Number(all / 1000000n)).toISOString().slice(0, 19).replace('T', ' ') + '.' + part + ' UTC';
}

const count = (n, word) => n.toLocaleString('en') + ' ' + word + (n === 1 ? '' : 's');
const firstLine = text => text.split('\n', 1)[0];

function subject(thing) {
    switch (thing.type) {
    case 'point': return KINDS[thing.kind] + ' · ' + thing.lane.name + ' · ' + thing.lane.group.name;
    case 'span': return thing.lane.name + ' · ' + thing.lane.group.name + ' · ' + ROLE_WORDS[thing.role] + ' for ' + length(thing.to - thing.at);
    case 'stretch': return (thing.group ? thing.group.name : '') + ' · ' + STRETCH_WORDS[thing.kind] + ' for ' + length(thing.to - thing.at);
    default: return 'note';
    }
}

/* As tshark -x writes it. */
function dump(bytes) {
    let text = '';
    for (let i = 0; i < bytes.length; i += 16) {
        const row = [...bytes.slice(i, i + 16)].map(c => c.charCodeAt(0));
        text += i.toString(16).padStart(4, '0') + '  ' + row.map(b => b.toString(16).padStart(2, '0')).join(' ').padEnd(47) +
            '   ' + row.map(b => b >= 0x20 && b < 0x7f ? String.fromCharCode(b) : '.').join('') + '\n';
    }
    return text;
}

/* --- the view ------------------------------------------------------------------------------------ */

const chart = $('chart'), canvas = $('canvas'), ctx = canvas.getContext('2d');
let from = 0, to = last, width = 0, height = 0, gutter = 0, ratio = 1;
let picked = null, hover = null, colours = {}, patterns = {}, drawn = 0, inView = 0, waiting = false;
const shown = KINDS.map(() => true);

const xOf = at => gutter + (at - from) / (to - from) * (width - gutter - EDGE);
const atOf = x => from + (x - gutter) / (width - gutter - EDGE) * (to - from);

/* Every row with its place, from above; what is scrolled away is not drawn. */
const rows = [];
let tall = AXIS;
for (const group of groups) {
    rows.push({group, y: tall, height: HEAD});
    tall += HEAD;
    for (const lane of group.lanes) {
        rows.push({lane, y: tall, height: LANE});
        tall += LANE;
    }
    group.y = rows[rows.length - group.lanes.length - 1].y;
    group.height = HEAD + LANE * group.lanes.length;
}
tall += 6;

function look(newFrom, newTo) {
    const span = Math.min(Math.max(newTo - newFrom, 200), last * 1.1), spare = Math.max(last * 0.05, span / 2);
    const middle = (newFrom + newTo) / 2;
    from = Math.min(Math.max(middle - span / 2, -spare), last + spare - span);
    to = from + span;
    later();
}
const zoom = (factor, around = (from + to) / 2) => look(around - (around - from) * factor, around + (to - around) * factor);
const pan = part => look(from + (to - from) * part, to + (to - from) * part);
const fit = () => look(-last * 0.01, last * 1.01);

function reveal(thing) {
    const end = thing.to ?? thing.at, span = Math.max((end - thing.at) * 3, Math.min(to - from, last / 8));
    if (thing.at < from || end > to || to - from > span * 4) look((thing.at + end - span) / 2, (thing.at + end + span) / 2);
    const row = rows.find(r => thing.lane ? r.lane === thing.lane : thing.group && r.group === thing.group);
    if (row && (row.y < chart.scrollTop + AXIS || row.y + row.height > chart.scrollTop + height)) chart.scrollTop = row.y - height / 2;
}

/* --- drawing ------------------------------------------------------------------------------------- */

function hatch(colour, back, both) {
    const tile = document.createElement('canvas'), c = tile.getContext('2d');
    tile.width = tile.height = 8 * ratio;
    c.scale(ratio, ratio);
    c.fillStyle = back;
    c.fillRect(0, 0, 8, 8);
    c.strokeStyle = colour;
    c.lineWidth = 1.4;
    c.beginPath();
    for (const d of [-8, 0, 8]) {
        c.moveTo(d, 8); c.lineTo(d + 8, 0);
        if (both) { c.moveTo(d, 0); c.lineTo(d + 8, 8); }
    }
    c.stroke();
    const pattern = ctx.createPattern(tile, 'repeat');
    pattern.setTransform(new DOMMatrix().scale(1 / ratio));
    return pattern;
}

/* Colours are the style sheet's, and change with the scheme. */
function dress() {
    const style = getComputedStyle(root);
    for (const name of ['back', 'panel', 'text', 'dim', 'line', 'accent', 'note', ...ROLES, ...KINDS, ...STRETCHES])
        colours[name] = style.getPropertyValue('--' + name).trim();
    for (const name of ROLES) colours[name + '-text'] = style.getPropertyValue('--' + name + '-text').trim();
    for (const name of STRETCHES) patterns[name] = hatch(colours[name] + '66', colours[name] + '1c', name === 'double');
    patterns.off = hatch(colours.line, colours.off, false);
}

/* A mark around x, y, of one shape for each kind. */
const MARKS = {
    advert: (c, x, y) => c.fillRect(x - 0.5, y - 6, 1, 12),
    farewell: (c, x, y) => c.fillRect(x - 4, y - 4, 8, 8),
    refused(c, x, y) {
        c.beginPath();
        c.moveTo(x - 4, y - 4); c.lineTo(x + 4, y + 4); c.moveTo(x + 4, y - 4); c.lineTo(x - 4, y + 4);
        c.stroke();
    },
    announcement: (c, x, y) => polygon(c, [x, y - 5, x + 5, y + 4, x - 5, y + 4]),
    stranger: (c, x, y) => polygon(c, [x, y - 6, x + 5, y, x, y + 6, x - 5, y]),
    lost(c, x, y) {
        c.beginPath();
        c.arc(x, y, 4, 0, 7);
        c.moveTo(x - 5, y + 5); c.lineTo(x + 5, y - 5);
        c.stroke();
    },
    event: (c, x, y) => polygon(c, [x - 4, y - 6, x + 5, y - 2.5, x - 2.5, y + 1, x - 2.5, y + 7, x - 4, y + 7]),
};

function polygon(c, p) {
    c.beginPath();
    for (let i = 0; i < p.length; i += 2) c.lineTo(p[i], p[i + 1]);
    c.fill();
}

function mark(c, kind, x, y) {
    c.fillStyle = c.strokeStyle = colours[KINDS[kind]];
    c.lineWidth = 1.7;
    MARKS[KINDS[kind]](c, x, y);
}

function label(text, x, y, room, colour, font = '11px') {
    ctx.font = font + ' system-ui, sans-serif';
    ctx.fillStyle = colour;
    if (ctx.measureText(text).width > room) {
        let low = 0, high = Math.min(text.length, 200);
        while (low < high) {
            const middle = (low + high + 1) >> 1;
            if (ctx.measureText(text.slice(0, middle) + '…').width <= room) low = middle; else high = middle - 1;
        }
        text = low < 2 ? '' : text.slice(0, low) + '…';
    }
    ctx.fillText(text, x, y);
}

/* The visible part of what has a beginning and an end, with its place. What is too narrow for a
 * pixel is as wide as one; of several that share it, the first and all of another colour are drawn. */
function each(list, key, draw) {
    let x = -1, seen = null;
    for (let i = Math.max(0, lower(list, from) - 1); i < list.length && list[i].at <= to; i++) {
        const thing = list[i];
        if (thing.to < from) continue;
        const left = Math.max(xOf(thing.at), gutter), right = Math.min(xOf(thing.to), width - EDGE);
        if (right - left < 1 && Math.floor(left) === x && seen === key(thing)) continue;
        x = Math.floor(left);
        seen = key(thing);
        draw(thing, left, Math.max(right - left, 1), i + 1 < list.length ? xOf(list[i + 1].at) - left : width - EDGE - left);
    }
}

function drawLane(lane, y) {
    const band = (span, x, w) => {
        const role = ROLES[span.role];
        ctx.fillStyle = role === 'off' ? patterns.off : colours[role];
        ctx.fillRect(x, y + 3, w, BAND);
        if (w > 24) label(ROLE_WORDS[span.role], x + 4, y + 14, w - 6, colours[role + '-text'], (role === 'master' ? '600 ' : '') + '10.5px');
        if (w > 3) { ctx.fillStyle = colours.back; ctx.fillRect(x + w - 1, y + 3, 1, BAND); }
    };
    each(lane.others, s => s.role, band);
    each(lane.masters, s => s.role, band); /* however short, over what surrounds it */
    const above = [], column = KINDS.map(() => -1), free = KINDS.map(() => -1), list = lane.points, middle = y + BAND + 10;
    for (let i = lower(list, from); i < list.length && list[i].at <= to; i++) {
        const point = list[i];
        if (!shown[point.kind]) continue;
        inView++;
        const x = xOf(point.at);
        if (Math.floor(x) === column[point.kind]) continue;
        column[point.kind] = Math.floor(x);
        drawn++;
        ctx.fillStyle = colours[KINDS[point.kind]];
        if (x < free[point.kind]) ctx.fillRect(x - 0.5, middle - 4, 1, 8); /* no room for its mark */
        else if (point.kind === 0) MARKS.advert(ctx, x, middle);
        else {
            above.push(point);
            free[point.kind] = x + 9;
        }
    }
    for (const point of above) mark(ctx, point.kind, xOf(point.at), point.kind === 6 ? y + 10 : middle);
}

function drawStretches(group, y) {
    each(group.stretches, s => s.kind, (stretch, x, w, room) => {
        ctx.fillStyle = patterns[STRETCHES[stretch.kind]];
        ctx.fillRect(x, y + HEAD, w, group.height - HEAD);
        ctx.fillStyle = colours[STRETCHES[stretch.kind]];
        ctx.fillRect(x, y + 2, w, 4);
        if (room > 60) label(STRETCH_WORDS[stretch.kind] + ' ' + length(stretch.to - stretch.at), x + 2, y + 16, room - 6, colours.text);
    });
}

function drawAxis() {
    ctx.fillStyle = colours.back;
    ctx.fillRect(0, 0, width, AXIS);
    let step = 10 ** Math.floor(Math.log10(to - from)) / 100;
    const room = Math.max(72, 7 * seconds(to, 0).length + 50);
    for (const by of [2, 2.5, 2, 2, 2.5, 2, 2, 2.5, 2]) if (step / (to - from) * (width - gutter) < room) step *= by;
    const decimals = Math.max(0, Math.min(9, 9 - Math.floor(Math.log10(step) + 1e-9)));
    for (let n = Math.ceil(from / step); n * step <= to; n++) {
        const x = xOf(n * step);
        ctx.fillStyle = colours.line;
        ctx.fillRect(Math.round(x), 15, 1, height);
        ctx.textAlign = 'center';
        if (x > gutter + 12 && x < width - 12) label(seconds(n * step, decimals), x, 12, 200, colours.dim);
        ctx.textAlign = 'left';
    }
    label('seconds', 6, 12, gutter - 8, colours.dim);
    label('notes', 6, 32, gutter - 8, colours.dim);
    let x = -9;
    for (const note of notes) {
        if (note.at === null || note.at < from || note.at > to || xOf(note.at) - x < 1) continue;
        x = xOf(note.at);
        ctx.fillStyle = colours.note;
        polygon(ctx, [x - 4, 22, x + 4, 22, x, 31]);
        ctx.globalAlpha = 0.35;
        ctx.fillRect(x - 0.5, 31, 1, height);
        ctx.globalAlpha = 1;
    }
    ctx.fillStyle = colours.line;
    ctx.fillRect(0, AXIS - 1, width, 1);
}

function drawCursors() {
    const line = (at, colour) => {
        if (at >= from && at <= to) {
            ctx.fillStyle = colour;
            ctx.fillRect(Math.round(xOf(at)), 16, 1, height);
        }
    };
    if (hover) line(hover.at, colours.dim);
    if (!picked || picked.at === null) return;
    line(picked.at, colours.accent);
    const row = rows.find(r => r.lane && r.lane === picked.lane);
    if (picked.type === 'point' && row && picked.at >= from && picked.at <= to) {
        ctx.strokeStyle = colours.accent;
        ctx.lineWidth = 2;
        ctx.beginPath();
        ctx.arc(xOf(picked.at), row.y - chart.scrollTop + (picked.kind === 6 ? 10 : BAND + 10), 8, 0, 7);
        ctx.stroke();
    }
}

function draw() {
    waiting = false;
    drawn = inView = 0;
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.fillStyle = colours.back;
    ctx.fillRect(0, 0, width, height);
    drawAxis();
    ctx.save();
    ctx.beginPath();
    ctx.rect(0, AXIS, width, height);
    ctx.clip();
    const top = chart.scrollTop;
    for (const group of groups) if (group.y - top < height && group.y + group.height > top) drawStretches(group, group.y - top);
    for (const row of rows) {
        const y = row.y - top;
        if (y > height || y + row.height < AXIS) continue;
        if (row.group) {
            ctx.fillStyle = colours.line;
            ctx.fillRect(0, y, width, 1);
            label(row.group.name, 6, y + 15, gutter - 8, colours.text, '600 12px');
        } else {
            drawLane(row.lane, y);
            label(row.lane.name, 14, y + 14, gutter - 18, colours.text, '12px');
            label(row.lane.detail, 14, y + 28, gutter - 18, colours.dim, '10.5px');
        }
    }
    drawCursors();
    ctx.restore();
    tell();
}

function later() {
    if (!waiting) {
        waiting = true;
        requestAnimationFrame(draw);
    }
}

/* What is seen, in words and for whoever checks the page by its attributes. */
let hashTimer = 0;
function tell() {
    const wide = to - from, decimals = Math.max(0, Math.min(9, 3 - Math.floor(Math.log10(wide / 1e9))));
    $('range').textContent = seconds(from, decimals) + ' … ' + seconds(to, decimals) + ' s · ' + count(inView, 'point') +
        (drawn < inView ? ', ' + drawn.toLocaleString('en') + ' drawn (the others share their place)' : '');
    Object.assign(root.dataset, {lanes: lanes.length, groups: groups.length, spans: lanes.reduce((n, l) => n + l.spans.length, 0),
        stretches: stretches.length, notes: notes.length, points: points.length, inView, drawn,
        from: from / 1e9, to: to / 1e9, selected: picked && picked.type === 'point' ? picked.number : ''});
    clearTimeout(hashTimer);
    hashTimer = setTimeout(keepHash, 400);
}

/* The address says what is seen, so that it can be passed on with the file. */
let ownHash = location.hash;
function keepHash() {
    ownHash = '#from=' + seconds(from).replace('−', '-') + '&to=' + seconds(to).replace('−', '-') + (picked && picked.type === 'point' ? '&select=' + picked.number : '');
    try { history.replaceState(null, '', ownHash); } catch (e) { /* not every viewer allows it */ }
}

function takeHash() {
    const wanted = new URLSearchParams(location.hash.slice(1));
    const number = key => wanted.has(key) && wanted.get(key) !== '' ? Number(wanted.get(key)) : NaN;
    const begin = number('from') * 1e9, end = number('to') * 1e9, point = points[number('select')];
    if (begin < end) look(begin, end); else fit();
    if (point) {
        pick(point);
        if (!(begin < end)) reveal(point);
    }
}

/* --- what is picked ------------------------------------------------------------------------------ */

function element(parent, name, text, style) {
    const e = document.createElement(name);
    e.textContent = text;
    if (style) e.className = style;
    parent.append(e);
    return e;
}

function pick(thing) {
    const box = $('detail');
    picked = thing;
    box.textContent = '';
    for (const b of $('list').querySelectorAll('[aria-current]')) b.removeAttribute('aria-current');
    if (!thing) {
        element(box, 'p', 'Nothing is picked. Click a mark for its packet, a band for its reason.', 'dim');
        return later();
    }
    element(box, 'h2', subject(thing));
    if (thing.at !== null) element(box, 'p', seconds(thing.at) + ' s' + (thing.to === undefined ? '' : ' … ' + seconds(thing.to) + ' s') + ' · ' + utc(thing.at), 'dim');
    if (thing.type === 'point') {
        element(box, 'button', 'previous').onclick = () => step(-1);
        element(box, 'button', 'next').onclick = () => step(1);
    }
    element(box, 'p', thing.text);
    if (thing.bytes) {
        const bytes = atob(thing.bytes);
        element(box, 'pre', dump(bytes)).id = 'hex';
        element(box, 'p', count(thing.size, 'byte') + (bytes.length < thing.size ? ', the first ' + bytes.length + ' of them above' : ''), 'dim');
    }
    if (thing.button) thing.button.setAttribute('aria-current', 'true');
    later();
}

/* The next point that is shown, of the lane if one is picked there. */
function step(by) {
    const list = picked && picked.lane ? picked.lane.points : points.slice().sort(byTime);
    let i = picked && picked.type === 'point' ? list.indexOf(picked) + by : lower(list, picked && picked.at !== null ? picked.at : from);
    while (i >= 0 && i < list.length && !shown[list[i].kind]) i += by;
    if (i >= 0 && i < list.length) {
        pick(list[i]);
        reveal(list[i]);
    }
}

/* What is under the pointer: a mark, else a note, a stretch, a band. */
function find(x, y) {
    const at = atOf(x), place = y + chart.scrollTop, reach = NEAR * (to - from) / (width - gutter - EDGE);
    const nearest = list => list.reduce((a, b) => b && (!a || Math.abs(b.at - at) < Math.abs(a.at - at)) ? b : a, null);
    const over = list => {
        let found = null;
        for (let i = Math.max(0, lower(list, at - reach) - 1); i < list.length && list[i].at <= at + reach; i++)
            if (list[i].to >= at - reach / 3 && list[i].at <= at + reach / 3 && !(found && list[i].at > at)) found = list[i];
        return found;
    };
    if (x < gutter || x > width) return null;
    if (y < AXIS) return nearest(notes.filter(n => n.at !== null && Math.abs(n.at - at) < reach));
    const row = rows.find(r => place >= r.y && place < r.y + r.height);
    if (!row) return null;
    if (row.group) return over(row.group.stretches);
    const list = row.lane.points, close = [], onBand = place - row.y < BAND + 4;
    for (let i = lower(list, at - reach); i < list.length && list[i].at <= at + reach; i++)
        if (shown[list[i].kind] && (list[i].kind === 6) === onBand) close.push(list[i]);
    const rare = close.filter(p => p.kind !== 0);
    return nearest(rare.length ? rare : close) || (onBand ? over(row.lane.spans) : over(row.lane.group.stretches) || over(row.lane.spans));
}

/* --- what people do ------------------------------------------------------------------------------ */

function showTip(e, x, thing) {
    const tip = $('tip'), at = thing && thing.at !== null && thing.type !== 'span' && thing.type !== 'stretch' ? thing.at : atOf(x);
    tip.hidden = x < gutter;
    tip.textContent = (thing ? subject(thing) + '\n' + (thing.text ? firstLine(thing.text) + '\n' : '') : '') + seconds(at) + ' s\n' + utc(at);
    tip.style.left = Math.max(4, Math.min(e.clientX + 14, innerWidth - tip.offsetWidth - 6)) + 'px';
    tip.style.top = (e.clientY + 18 + tip.offsetHeight > innerHeight ? e.clientY - tip.offsetHeight - 10 : e.clientY + 18) + 'px';
}

const fingers = new Map();
let moved = 0;
const place = e => {
    const box = canvas.getBoundingClientRect();
    return {x: e.clientX - box.left, y: e.clientY - box.top};
};
canvas.addEventListener('pointerdown', e => {
    if (e.button !== 0) return;
    if (fingers.size === 0) moved = 0;
    fingers.set(e.pointerId, place(e));
    canvas.setPointerCapture(e.pointerId);
});
canvas.addEventListener('pointermove', e => {
    const now = place(e), before = fingers.get(e.pointerId);
    if (!before) {
        hover = now.x > gutter ? {at: atOf(now.x)} : null;
        showTip(e, now.x, find(now.x, now.y));
        return later();
    }
    moved += Math.abs(now.x - before.x) + Math.abs(now.y - before.y);
    if (moved < 5) return;
    $('tip').hidden = true;
    chart.classList.add('drag');
    const other = [...fingers].find(f => f[0] !== e.pointerId);
    if (other) { /* two fingers: what was between them stays there */
        const a = atOf(before.x), b = atOf(other[1].x), scale = Math.max(Math.abs(now.x - other[1].x), 10);
        const span = Math.abs(b - a) / scale * (width - gutter - EDGE);
        look(b - (other[1].x - gutter) / (width - gutter - EDGE) * span, b + (width - EDGE - other[1].x) / (width - gutter - EDGE) * span);
    } else {
        pan((before.x - now.x) / (width - gutter - EDGE));
        if (e.pointerType === 'mouse') chart.scrollTop += before.y - now.y;
    }
    fingers.set(e.pointerId, now);
});
for (const name of ['pointerup', 'pointercancel']) {
    canvas.addEventListener(name, e => {
        if (!fingers.delete(e.pointerId)) return;
        chart.classList.remove('drag');
        if (name === 'pointerup' && moved < 5) {
            const p = place(e);
            pick(find(p.x, p.y));
        }
    });
}
canvas.addEventListener('pointerleave', () => { hover = null; $('tip').hidden = true; later(); });
canvas.addEventListener('dblclick', e => zoom(0.25, atOf(place(e).x)));
chart.addEventListener('wheel', e => {
    const x = place(e).x, lines = e.deltaMode === 1 ? 33 : 1;
    if (x < gutter) return; /* over the names it scrolls, as everywhere */
    e.preventDefault();
    $('tip').hidden = true;
    if (e.shiftKey || Math.abs(e.deltaX) > Math.abs(e.deltaY)) pan((e.deltaX || e.deltaY) * lines / width);
    else zoom(Math.exp(Math.max(-300, Math.min(300, e.deltaY * lines)) / 400), atOf(x));
}, {passive: false});
chart.addEventListener('scroll', later);
chart.addEventListener('keydown', e => {
    const keys = {'+': () => zoom(0.5), '=': () => zoom(0.5), '-': () => zoom(2), ArrowLeft: () => pan(-0.2), ArrowRight: () => pan(0.2),
        0: fit, Home: fit, n: () => step(1), p: () => step(-1), Escape: () => pick(null)};
    if (keys[e.key] && !e.ctrlKey && !e.metaKey && !e.altKey) {
        e.preventDefault();
        keys[e.key]();
    }
});
$('in').onclick = () => zoom(0.5);
$('out').onclick = () => zoom(2);
$('left').onclick = () => pan(-0.4);
$('right').onclick = () => pan(0.4);
$('fit').onclick = fit;
addEventListener('hashchange', () => location.hash !== ownHash && takeHash());

/* --- around the picture -------------------------------------------------------------------------- */

function resize() {
    ratio = devicePixelRatio || 1;
    width = chart.clientWidth;
    gutter = width < 600 ? 92 : 150;
    height = Math.min(tall, Math.max(180, Math.round(innerHeight * 0.62)));
    chart.style.maxHeight = height + 2 + 'px';
    $('tall').style.height = tall - height + 'px';
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.width = width + 'px';
    canvas.style.height = height + 'px';
}

function makeLegend() {
    const box = $('legend');
    box.textContent = '';
    for (const [name, word] of [...ROLES.map((r, i) => [r, ROLE_WORDS[i]]), ...STRETCHES.map((s, i) => [s, STRETCH_WORDS[i]])].reverse()) {
        const swatch = document.createElement('span'), item = element(box, 'label', '');
        swatch.className = 'swatch';
        swatch.style.background = 'var(--' + name + ')';
        item.append(swatch, word);
    }
    KINDS.forEach((name, kind) => {
        const glyph = document.createElement('canvas'), tick = document.createElement('input');
        const there = points.reduce((n, p) => n + (p.kind === kind), 0);
        root.dataset[name] = there;
        if (there === 0) return;
        glyph.width = glyph.height = 14 * ratio;
        const c = glyph.getContext('2d');
        c.scale(ratio, ratio);
        mark(c, kind, 7, 7);
        tick.type = 'checkbox';
        tick.checked = shown[kind];
        tick.onchange = () => { shown[kind] = tick.checked; later(); };
        element(box, 'label', '').append(tick, glyph, name);
    });
}

const listed = {notes: true, stretches: true, roles: true};
function makeList() {
    const list = $('list'), all = [];
    list.textContent = '';
    if (listed.notes) all.push(...notes);
    if (listed.stretches) all.push(...stretches);
    if (listed.roles) for (const lane of lanes) all.push(...lane.spans);
    all.sort((a, b) => (a.at ?? -Infinity) - (b.at ?? -Infinity) || 0);
    for (const thing of all.slice(0, LIST_MAX)) {
        const button = element(element(list, 'li', ''), 'button', ''), colour = document.createElement('i');
        element(button, 'time', thing.at === null ? '' : seconds(thing.at, 6));
        colour.style.background = thing.type === 'note' ? 'var(--note)' : 'var(--' + (thing.type === 'span' ? ROLES[thing.role] : STRETCHES[thing.kind]) + ')';
        colour.className = thing.type;
        button.append(colour);
        element(button, 'b', thing.type === 'note' ? thing.text : subject(thing) + (thing.text ? ': ' + thing.text : ''));
        button.onclick = () => { pick(thing); if (thing.at !== null) reveal(thing); };
        thing.button = button;
    }
    if (all.length > LIST_MAX) element(list, 'li', 'and ' + (all.length - LIST_MAX).toLocaleString('en') + ' more', 'more');
}

function makeSummary() {
    const sum = kind => stretches.reduce((n, s) => n + (s.kind === kind ? s.to - s.at : 0), 0);
    const times = kind => stretches.filter(s => s.kind === kind).length;
    const parts = [length(last) + ' from ' + utc(0), count(lanes.length, 'lane'), count(points.length, 'point')];
    STRETCHES.forEach((name, kind) => {
        root.dataset[name + 'Seconds'] = sum(kind) / 1e9;
        if (times(kind)) parts.push(STRETCH_WORDS[kind] + ' for ' + length(sum(kind)) + ' in ' + times(kind) + (times(kind) === 1 ? ' stretch' : ' stretches'));
    });
    if (new Set(stretches.map(s => s.group)).size > 1) parts.push('all groups together');
    $('summary').textContent = parts.join(' · ');
    if (!ending || ending.points !== points.length) warn('This file is not whole: it ends early.');
    else if (ending.adverts + ending.others > 0)
        warn('Thinned: every ' + ending.stride + 'th advert of a lane is here, and of other kinds the first 200 and then every ' +
            ending.stride + 'th; ' + count(ending.adverts, 'advert') + ' and ' + count(ending.others, 'other point') + ' were left out.');
    for (const name of Object.keys(listed)) {
        const tick = document.createElement('input');
        tick.type = 'checkbox';
        tick.checked = true;
        tick.onchange = () => { listed[name] = tick.checked; makeList(); };
        element($('kinds'), 'label', '').append(tick, name);
    }
}

for (const id of ['tools', 'chart', 'below']) $(id).hidden = false;
if (header) {
    resize();
    dress();
    makeSummary();
    makeLegend();
    makeList();
    pick(null);
    takeHash();
    const drawing = performance.now();
    draw();
    Object.assign(root.dataset, {readMs: Math.round(drawing - began), drawMs: Math.round(performance.now() - drawing)});
    addEventListener('resize', () => { resize(); dress(); makeLegend(); later(); });
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { dress(); makeLegend(); later(); });
} else {
    warn('This file holds no time line.');
}
