'use strict';
(() => {
  const KEEP = 600; // seconds of history
  const $ = (id) => document.getElementById(id);
  const el = (tag, properties, ...children) => {
    const e = Object.assign(document.createElement(tag), properties);
    e.append(...children);
    return e;
  };
  const svg = (tag, attributes) => {
    const e = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const name in attributes) e.setAttribute(name, attributes[name]);
    return e;
  };

  // How values are written. What is not known is a dash.
  const dash = '–';
  const known = (v) => v !== null && v !== undefined && !Number.isNaN(v);
  const three = (v) => v >= 100 ? v.toFixed(0) : v >= 10 ? v.toFixed(1) : v.toFixed(2);
  const write = {
    whole: (v) => known(v) ? Math.round(v).toLocaleString('en-US') : dash,
    rate: (v) => !known(v) ? dash : v > 0 && v < 10 ? v.toFixed(1) : Math.round(v).toLocaleString('en-US'),
    time: (v) => !known(v) ? dash : v === 0 ? '0' : v < 1e-3 ? three(v * 1e6) + ' µs' : v < 1 ? three(v * 1e3) + ' ms' :
      three(v) + ' s',
    part: (v) => known(v) ? (v * 100).toFixed(v < 0.1 && v > 0 ? 1 : 0) + ' %' : dash,
    bytes: (v) => {
      if (!known(v)) return dash;
      for (const [unit, shift] of [['GiB', 30], ['MiB', 20], ['KiB', 10]]) {
        if (v >= 2 ** shift) return three(v / 2 ** shift) + ' ' + unit;
      }
      return Math.round(v) + ' B';
    },
    long: (s) => { // a length of time, in two units at most
      s = Math.max(0, Math.floor(s));
      const units = [['d', 86400], ['h', 3600], ['min', 60], ['s', 1]];
      const at = units.findIndex(([, n]) => s >= n);
      if (at < 0) return '0 s';
      const [unit, n] = units[at];
      const text = Math.floor(s / n) + ' ' + unit;
      if (at === 3 || Math.floor(s / n) >= 10) return text;
      return text + ' ' + Math.floor((s % n) / units[at + 1][1]) + ' ' + units[at + 1][0];
    },
  };

  // The cards: a figure of now and the curves behind it.
  const cards = [
    {id: 'calls', title: 'Calls per second', curves: [['calls', 'calls'], ['errors', 'errors']], format: write.rate,
      figure: (l) => write.rate(l.calls.per_second),
      beside: (l) => `${write.whole(l.calls.total)} in all, ${write.whole(l.calls.errors)} failed`},
    {id: 'p95', title: 'Latency', curves: [['p50', 'p50'], ['p95', 'p95'], ['p99', 'p99']], format: write.time, log: true,
      figure: (l) => write.time(l.latency[0].p95),
      beside: (l) => `p95 of the last 10 s, p99 ${write.time(l.latency[0].p99)}`},
    {id: 'refused', title: 'Refused per second', curves: [['refused', 'refused']], format: write.rate,
      figure: (l) => write.rate(l.calls.refused_per_second),
      beside: (l) => `${write.whole(l.refusals.reduce((n, r) => n + r.total, 0))} in all`},
    {id: 'open', title: 'Connections', curves: [['connections', 'open']], format: write.whole,
      figure: (l) => write.whole(l.connections.open),
      beside: (l) => `of ${write.whole(l.connections.limit)}, ${write.whole(l.connections.accept_rate)} new/s`},
    {id: 'waiting', title: 'Queue', curves: [['waiting', 'waiting'], ['executing', 'executing']], format: write.whole,
      figure: (l) => write.whole(l.queue.waiting),
      beside: (l) => `waiting, of ${write.whole(l.queue.limit)}; ` +
        `${write.whole(l.workers.reduce((n, w) => n + w.executing, 0))} executing`},
    {id: 'busy', title: 'Busy', curves: [['loops', 'loops'], ['workers', 'compute workers']], format: write.part, most: 1,
      figure: (l) => write.part(mean(l.loops.map((loop) => loop.busy))),
      beside: (l) => `of the loops’ time; ${write.bytes(l.memory.resident_bytes)} resident` +
        (l.memory.limit_bytes ? ` of ${write.bytes(l.memory.limit_bytes)}` : '')},
  ];
  const mean = (values) => values.length && values.every(known) ? values.reduce((a, b) => a + b, 0) / values.length : null;

  const makeCard = (card) => {
    card.value = el('span', {id: card.id});
    card.side = el('small');
    card.top = el('span', {className: 'top num'});
    card.blank = el('span', {className: 'blank', textContent: 'no samples yet'});
    card.bottom = el('span', {className: 'top low num'});
    card.at = el('span', {className: 'at num'});
    card.svg = svg('svg', {viewBox: '0 0 600 100', preserveAspectRatio: 'none', role: 'img', 'aria-label': card.title});
    for (const y of [1, 50]) card.svg.append(svg('line', {x1: 0, x2: 600, y1: y, y2: y}));
    card.svg.append(svg('line', {x1: 0, x2: 600, y1: 99.5, y2: 99.5, class: 'base'}));
    card.area = svg('path', {class: 'area s0'});
    card.lines = card.curves.map((_, i) => svg('path', {class: 's' + i}));
    card.cross = svg('line', {y1: 0, y2: 100, class: 'cross', visibility: 'hidden'});
    card.svg.append(card.area, ...card.lines, card.cross);
    card.chart = el('div', {className: 'chart'}, card.svg, card.top, card.bottom, card.blank, card.at);
    card.chart.addEventListener('pointermove', (e) => {
      const box = card.chart.getBoundingClientRect();
      point = Math.round((1 - (e.clientX - box.left) / box.width) * KEEP);
      drawCards();
    });
    card.chart.addEventListener('pointerleave', () => { point = null; drawCards(); });
    const keys = card.curves.length < 2 ? [] :
      card.curves.map(([, name], i) => el('span', {className: 'key s' + i, textContent: name}));
    $('cards').append(el('div', {className: 'card'}, el('h2', {}, card.title, el('span', {className: 'grow'}), ...keys),
      el('div', {className: 'figure'}, card.value, card.side), card.chart,
      el('div', {className: 'ax'}, el('span', {textContent: '10 min ago'}), el('span', {textContent: '5'}),
        el('span', {textContent: 'now'}))));
  };

  // What was heard of the server.
  let look = null; // the latest
  let before = null; // the one before it, of the same process
  let history = {seconds: [], curves: {}};
  let point = null; // seconds ago at which the pointer is
  let paused = false;
  let failures = 0;
  let goneSince = null;

  const merge = (news) => {
    history.seconds.push(...news.seconds);
    const drop = Math.max(0, history.seconds.length - KEEP);
    history.seconds.splice(0, drop);
    for (const name in news.curves) {
      const curve = history.curves[name] ??= [];
      curve.push(...news.curves[name]);
      curve.splice(0, drop);
    }
  };

  // roof is the next round number: 1, 2 or 5 and zeros.
  const roof = (v) => {
    if (!(v > 0)) return 1;
    const zeros = 10 ** Math.floor(Math.log10(v));
    return [1, 2, 5, 10].find((n) => n * zeros >= v * 0.999) * zeros;
  };

  const drawCard = (card) => {
    const now = history.seconds.at(-1) ?? 0;
    let most = 0, least = Infinity, any = false;
    for (const [name] of card.curves) {
      for (const v of history.curves[name] ?? []) {
        if (!known(v)) continue;
        any = true;
        most = Math.max(most, v);
        if (v > 0) least = Math.min(least, v);
      }
    }
    const top = card.most ?? (card.log ? 10 ** Math.ceil(Math.log10(most || 1)) : roof(most));
    const low = card.log && least < most ? Math.min(top / 10, 10 ** Math.floor(Math.log10(least))) : 0;
    const height = (v) => low ? Math.log(Math.max(v, low) / low) / Math.log(top / low) : v / top;
    card.blank.hidden = any;
    card.top.textContent = any ? card.format(top) : '';
    card.bottom.textContent = any && low ? card.format(low) : '';
    let area = '';
    card.curves.forEach(([name], i) => {
      if (i > 0 && !(history.curves[name] ?? []).some((v) => v > 0)) { // a line along the axis says nothing
        card.lines[i].setAttribute('d', '');
        return;
      }
      let path = '', last = null, first = 0, x = 0;
      history.seconds.forEach((second, at) => {
        const v = (history.curves[name] ?? [])[at];
        if (!known(v)) { last = null; return; }
        x = KEEP - (now - second);
        const y = (99 - Math.min(1, height(v)) * 97).toFixed(1);
        const joined = last !== null && second - last < 4;
        path += (joined ? 'L' : 'M') + x + ' ' + y;
        if (i === 0) {
          area += joined ? `L${x} ${y}` : (area ? `L${first} 99.5Z` : '') + `M${x} 99.5L${x} ${y}`;
        }
        first = x;
        last = second;
      });
      card.lines[i].setAttribute('d', path);
      if (i === 0 && area) area += `L${x} 99.5Z`;
    });
    card.area.setAttribute('d', area);
    const at = point === null ? -1 : nearest(now - point);
    card.cross.setAttribute('visibility', at < 0 ? 'hidden' : 'visible');
    card.at.textContent = '';
    if (at >= 0) {
      const x = KEEP - (now - history.seconds[at]);
      card.cross.setAttribute('x1', x);
      card.cross.setAttribute('x2', x);
      card.at.textContent = card.curves.map(([name, label]) => {
        const v = card.format(history.curves[name][at]);
        return card.curves.length > 1 ? label + ' ' + v : v;
      }).join('  ') + '  ' + new Date(history.seconds[at] * 1000).toTimeString().slice(0, 8);
    }
  };
  const nearest = (second) => {
    let best = -1;
    history.seconds.forEach((s, i) => {
      if (best < 0 || Math.abs(s - second) < Math.abs(history.seconds[best] - second)) best = i;
    });
    return best >= 0 && Math.abs(history.seconds[best] - second) < 10 ? best : -1;
  };
  const drawCards = () => cards.forEach(drawCard);

  // Tables are made anew each time: none holds anything that is typed into.
  const fill = (id, heads, rows, empty) => {
    if (rows.length === 0) {
      $(id).replaceChildren(el('div', {className: 'empty', textContent: empty}));
      return;
    }
    const body = rows.map((row) => el('tr', {}, ...row.map((cell, i) => {
      const right = heads[i]?.startsWith('>');
      if (cell instanceof Node) return el('td', {className: 'bar'}, cell);
      return el('td', {className: i === 0 ? 'name' : right ? 'r' : '', textContent: cell, title: i === 0 ? cell : ''});
    })));
    const head = heads.some((h) => h.length > 1) ? [el('thead', {}, el('tr', {}, ...heads.map((h) =>
      el('th', {className: h.startsWith('>') ? 'r' : '', textContent: h.replace('>', '')}))))] : [];
    $(id).replaceChildren(el('table', {}, ...head, el('tbody', {}, ...body)));
  };
  const bar = (part, warnAt) => {
    const i = el('i', {className: known(part) && warnAt && part >= warnAt ? 'high' : ''});
    i.style.width = 100 * Math.min(1, Math.max(0, known(part) ? part : 0)) + '%';
    return el('div', {className: 'track'}, i);
  };

  // perSecond is the rate of a counter between the latest two looks.
  const perSecond = (list, key, name, field) => {
    if (!before) return null;
    const find = (l) => (l[list].find((x) => x[key] === name) ?? {[field]: 0})[field];
    const seconds = (Date.parse(look.time) - Date.parse(before.time)) / 1000;
    return seconds > 0 ? Math.max(0, find(look) - find(before)) / seconds : null;
  };

  const drawTables = () => {
    const l = look;
    const tools = l.tools.filter((t) => t.calls > 0)
      .map((t) => ({...t, rate: perSecond('tools', 'name', t.name, 'calls')}));
    tools.sort((a, b) => (b.rate ?? 0) - (a.rate ?? 0) || b.calls - a.calls);
    fill('tools', ['tool', '>calls/s', '>calls', '>failed', '>isError', '>p50', '>p95'],
      tools.slice(0, 15).map((t) => [t.name, write.rate(t.rate), write.whole(t.calls), write.whole(t.failed),
        write.whole(t.told), write.time(t.p50), write.time(t.p95)]),
      l.tools.length ? `No calls yet. ${write.whole(l.tools.length + l.other_tools)} tools are offered.` :
        'No tools are offered.');
    const more = tools.length - 15;
    const note = more > 0 ? `${more} more were called. ` : '';
    if (tools.length) $('tools').append(el('div', {className: 'empty',
      textContent: note + 'Times are the handlers’ own, since the start.'}));
    fill('latency', ['class', '>p50', '>p95', '>p99', '>samples'], l.latency.filter((x) => x.samples > 0)
      .map((x) => [x.class, write.time(x.p50), write.time(x.p95), write.time(x.p99), write.whole(x.samples)]),
      'No calls of tools in the last 10 s.');
    fill('workers', ['class', '>busy', '>alive', '>executing'],
      l.workers.map((w) => [w.class, write.whole(w.busy), write.whole(w.alive), write.whole(w.executing)]), '');
    fill('refusals', ['reason', '>/s', '>in all'], l.refusals.map((r) =>
      [r.reason, write.rate(perSecond('refusals', 'reason', r.reason, 'total')), write.whole(r.total)]),
      'Nothing was refused.');
    fill('closed', ['reason', '>in all'], l.closed.slice(0, 8).map((r) => [r.reason, write.whole(r.total)]), 'None yet.');
    fill('transports', ['', '>', ''], l.connections.transports.filter((t) => t.open > 0)
      .map((t) => [t.transport, write.whole(t.open), bar(t.open / Math.max(1, l.connections.open))]),
      'Nobody is connected.');
    fill('loops', ['loop', '>connections', '>busy', ''], l.loops.map((x, i) =>
      [String(i), write.whole(x.connections), write.part(x.busy), bar(x.busy, 0.9)]), '');
    fill('parts', ['', '>', ''], ['memory', 'descriptors', 'scheduling', 'queue'].map((name) =>
      [name, write.part(l.pressure[name]), bar(l.pressure[name], 0.8)]), '');
    fill('held', ['', '>'], [
      ['memory, resident', write.bytes(l.memory.resident_bytes)],
      ['queue', write.bytes(l.queue.bytes)],
      ['unfinished messages', write.bytes(l.memory.input_bytes)],
      ['unread answers', write.bytes(l.memory.outbox_bytes)],
      ['sessions', write.whole(l.memory.sessions)],
      ['subscriptions', write.whole(l.memory.subscriptions)],
      ['tasks', write.whole(l.memory.tasks)],
    ], '');
  };

  const pill = (id, text, kind) => {
    $(id).textContent = text;
    $(id).className = 'pill ' + kind;
    $(id).hidden = !text;
  };

  const draw = () => {
    const l = look;
    document.title = `${write.rate(l.calls.per_second)}/s · ${l.program}`;
    $('program').textContent = l.program;
    $('version').textContent = l.version;
    pill('state', l.refusing ? 'refusing: ' + l.refusing : 'ready', l.refusing ? 'no' : 'ok');
    pill('pressure', l.pressure.level === 'none' ? '' : 'gives way: ' + l.pressure.level.replaceAll('_', ' '), 'warn');
    $('uptime').textContent = 'up ' + write.long((Date.parse(l.time) - Date.parse(l.started)) / 1000);
    $('who').textContent = `process ${l.pid}, commit ${l.commit.slice(0, 12)}, ` +
      Object.entries(l.listeners).map(([name, at]) => `${name} ${at}`).join(', ');
    $('alerts').hidden = l.alerts.length === 0;
    $('alerts').replaceChildren(...l.alerts.map((a) => el('div', {className: 'alert ' + a.severity},
      el('b', {textContent: a.alertname}), ` ${a.summary}. ${a.description} `,
      el('span', {className: 'muted', textContent: 'Runbook: ' + a.runbook}))));
    for (const card of cards) {
      card.value.textContent = card.figure(l);
      card.side.textContent = card.beside(l);
    }
    drawCards();
    drawTables();
    document.body.dataset.looks = Number(document.body.dataset.looks ?? 0) + 1;
  };

  // Talking to the server.
  const ask = async (path, options = {}) => {
    const token = sessionStorage.getItem('weir-token');
    const headers = token ? {Authorization: 'Bearer ' + token} : {};
    const response = await fetch(path, {...options, headers, cache: 'no-store', signal: AbortSignal.timeout(10_000)});
    if (response.status === 401) {
      signIn(token ? (await response.json()).reason : '');
      throw new Error('token');
    }
    return response;
  };

  const signIn = (refused) => {
    sessionStorage.removeItem('weir-token');
    $('main').hidden = true;
    $('banner').hidden = true;
    $('refused').textContent = {token_unknown: 'Nobody has this token.', token_expired: 'This token has ended.'}[refused] ??
      refused;
    if ($('signin').hidden) {
      $('signin').hidden = false;
      $('token').focus();
    }
  };
  $('signin').addEventListener('submit', (e) => {
    e.preventDefault();
    sessionStorage.setItem('weir-token', $('token').value.trim());
    $('token').value = '';
    poll();
  });

  const banner = (text, note = false) => {
    $('banner').textContent = text;
    $('banner').className = note ? 'note' : '';
    $('banner').hidden = !text;
  };

  let timer = 0;
  let polling = false;
  const poll = async () => {
    clearTimeout(timer);
    if (polling || paused || document.hidden) return;
    polling = true;
    let wait = 1000;
    try {
      const response = await ask('/live?since=' + (history.seconds.at(-1) ?? 0));
      if (!response.ok) throw new Error('status ' + response.status);
      const news = await response.json();
      const restarted = look && (news.started !== look.started || news.pid !== look.pid);
      if (restarted) {
        history = {seconds: [], curves: {}};
        before = null;
        look = null;
        banner('The server was started anew, ' + new Date(news.started).toTimeString().slice(0, 8) + '.', true);
        setTimeout(() => { if ($('banner').className === 'note') banner(''); }, 10_000);
      } else {
        before = look;
        if (failures > 0) banner('');
      }
      look = news;
      merge(news.history);
      failures = 0;
      goneSince = null;
      document.body.classList.remove('gone');
      $('signin').hidden = true;
      $('main').hidden = false;
      draw();
    } catch (error) {
      if (error.message === 'token') {
        wait = 0; // until there is one
      } else {
        failures++;
        goneSince ??= new Date();
        wait = Math.min(5000, 1000 * failures);
        document.body.classList.add('gone');
        banner(`The server does not answer since ${goneSince.toTimeString().slice(0, 8)}` +
          (look ? '; what stands here is what it said last.' : '.') + ' Trying again.');
      }
    }
    polling = false;
    if (wait) timer = setTimeout(poll, wait);
  };

  // The list of connections.
  let after = '';
  let rolling = false;
  let rollTimer = 0;
  const rows = new Map(); // by id
  const labels = ['', '', '', 'age', 'silent', 'holds', 'in flight', '', ''];
  const classes = ['peer', 'transport', 'principal', 'r', 'r', 'r', 'r', 'status', 'end'];

  const roll = async () => {
    clearTimeout(rollTimer);
    if (rolling || paused || document.hidden || $('main').hidden) {
      rollTimer = setTimeout(roll, 500);
      return;
    }
    rolling = true;
    const began = performance.now();
    const query = new URLSearchParams(new FormData($('filter')));
    if (after) query.set('after', after);
    try {
      const response = await ask('/connections?' + query);
      const page = await response.json();
      if (response.ok) drawRoll(page);
      else if (response.status === 400) $('note').textContent = page.hint;
    } catch { /* the banner says it */ }
    rolling = false;
    // However many there are, the lists take a fiftieth of the time at most.
    rollTimer = setTimeout(roll, Math.max(2000, 50 * (performance.now() - began)));
  };

  const drawRoll = (page) => {
    $('matched').textContent = page.matched === page.open ? write.whole(page.open) :
      `${write.whole(page.matched)} of ${write.whole(page.open)}`;
    const seen = new Set();
    const body = $('roll').tBodies[0];
    page.rows.forEach((c, i) => {
      seen.add(c.id);
      let row = rows.get(c.id);
      if (!row) {
        row = el('tr', {}, ...classes.map((name) => el('td', {className: name})));
        labels.forEach((label, at) => { if (label) row.cells[at].dataset.label = label; });
        row.dataset.id = c.id;
        if (look?.tokens) row.cells[8].append(kickButton(c.id));
        rows.set(c.id, row);
      }
      [c.peer || 'Unix socket', c.transport, c.principal, write.long(c.age), write.long(c.silent), write.bytes(c.bytes),
        write.whole(c.in_flight), c.paused ? 'not read' : ''].forEach((text, at) => {
        if (row.cells[at].textContent !== text) row.cells[at].textContent = text;
      });
      if (body.rows[i] !== row) body.insertBefore(row, body.rows[i] ?? null);
    });
    for (const [id, row] of rows) if (!seen.has(id)) { row.remove(); rows.delete(id); }
    $('roll').hidden = page.rows.length === 0;
    $('note').textContent = page.rows.length === 0 ?
      (page.open === 0 ? 'Nobody is connected.' : page.matched ? 'No more.' : 'No connection is like that.') :
      (look?.tokens ? '' : 'To end connections here, set admin_tokens_file: only who has a token may.');
    if (page.missing_loops) $('note').textContent += ` ${page.missing_loops} loops did not answer; theirs are not here.`;
    $('first').disabled = !after;
    $('next').disabled = !page.next;
    $('next').dataset.after = page.next ?? '';
  };

  const kickButton = (id) => {
    const button = el('button', {type: 'button', textContent: 'Kick', title: 'End this connection at once'});
    button.addEventListener('click', async () => {
      if (button.textContent === 'Kick') {
        button.textContent = 'Sure?';
        button.className = 'sure';
        setTimeout(() => { if (button.textContent === 'Sure?') { button.textContent = 'Kick'; button.className = ''; } }, 4000);
        return;
      }
      button.disabled = true;
      button.textContent = '…';
      try {
        const response = await ask('/kick?id=' + encodeURIComponent(id), {method: 'POST'});
        const said = await response.json();
        button.textContent = response.ok ? 'Kicked' : 'Gone';
        if (!response.ok && response.status !== 404) $('note').textContent = said.hint ?? said.reason;
      } catch { button.textContent = 'Kick'; button.disabled = false; }
      roll();
    });
    return button;
  };

  const again = () => { after = ''; clearTimeout(rollTimer); rollTimer = setTimeout(roll, 250); };
  $('filter').addEventListener('input', again);
  $('filter').addEventListener('reset', again);
  $('filter').addEventListener('submit', (e) => { e.preventDefault(); again(); });
  $('next').addEventListener('click', () => { after = $('next').dataset.after; roll(); });
  $('first').addEventListener('click', () => { after = ''; roll(); });

  const pause = () => {
    paused = !paused;
    $('pause').textContent = paused ? 'Go on' : 'Pause';
    $('pause').setAttribute('aria-pressed', paused);
    if (!paused) { poll(); roll(); }
  };
  $('pause').addEventListener('click', pause);
  document.addEventListener('keydown', (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || /INPUT|SELECT/.test(document.activeElement.tagName)) {
      if (e.key === 'Escape') document.activeElement.blur();
      return;
    }
    if (e.key === 'p') pause();
    if (e.key === '/') { e.preventDefault(); $('filter').elements.peer.focus(); }
  });
  document.addEventListener('visibilitychange', () => { poll(); });

  cards.forEach(makeCard);
  poll();
  roll();
})();
