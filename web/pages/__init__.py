"""Pages for people: each module adds its routes in `setup(app)`; templates and browser modules do the showing.

What tests and scripts may hold on to in the pages are the `data-testid` names; wording and looks change, these do not:

| where | names |
|---|---|
| every page | `user-menu` `sign-out` `own-state` `own-state-name` `own-phone` `pause` `pause-menu` `pause-reason` `toast` `shortcuts` `banner-server` `banner-pbx NAME` |
| sign-in | `login-form` `login-error`; fields `name` `password` `next` |
| desktop | `seat-prompt` `seat-extension` `seat-submit` `change-phone` `desk-idle` `dial-form` `dial-to` `dial-submit` `desk-search` `my-calls` `my-call` (with `data-call-id`) `call-back` `reopen` |
| call control | in the card `controls` `hold` `transfer` `park` `record` `hangup` `control-error` `consultation` `complete` `back-to-caller` `transfer-panel` `transfer-to` `consult` `blind` `transfer-cancel`; in every field that knows people `picker-option` (with `data-number`); on the desktop `parked` `parked-call` (with `data-call-id`) `fetch` `colleagues` `colleague` (with `data-user`, `data-state`) `pickup` |
| card | `pop-card` (with `data-call-id`, `data-status`, `data-reason`; only the one in front is visible) `pop-tab` `pop-status` `pop-clock` `pop-name` `pop-company` `pop-number` `pop-calls-today` `dial-number` `pop-note` `pop-saved` (its text begins with "Saved") `disposition-KEY` (a result in lower case, other characters as `-`) `answer` `pop-answer-hint` `hangup` `pop-done` `pop-dismiss` `pop-minimise` `pop-pin` `pop-history` `pop-open-client` |
| who is it | `candidates` `candidate-ID` `candidate-undo` `create-form` `create-name` `create-submit` `attach-search` `attach-search-results` `withheld-search` `withheld-search-results` |
| contacts | `contact-search` `contact-results` `contact-row` `new-contact` `contact-card` `contact-name` `contact-edit` `contact-form` `edit-name` `edit-number` `contact-save` `timeline` `timeline-call` `timeline-result` `timeline-note` |
| calls | `call-filters` `call-results` `call-row` (with `data-call-id`) `call-details` `call-result` `call-note` `call-timeline` `call-trace` `recorded` `recordings` `recording` (with `data-state`) `audio` `recording-access` `keep` `called-back` `not-called-back` `not-called-back-filter` |
| callbacks | `callback-count` `callbacks` `view-VIEW` `callback-row` (with `data-task`, `data-owned-by`) `callback-overdue` `callback-owner` `callback-take` `callback-give-back` `callback-later` `callback-close` `close-form` `close-reason` `close-submit`; on a client's card `open-callback`; promising a call: `promise` (on a card `pop-promise`) `promise-form` `promise-at` `promise-quarter` `promise-hour` `promise-tomorrow` `promise-subject` `promise-submit` |
| clients from a file | `import-contacts` `export-contacts` `import-drop` `import-file` `import-error` `import-row` `import` `import-form` `import-column` `import-try` `import-start` `import-state` `import-figures` `import-refusal` `import-errors` `import-cancel` `import-undo` `import-undone` |
| clients that are one, the bin, changes | `contact-duplicates` `duplicates-look` `duplicate` `duplicate-merge` `duplicate-dismiss` `merge` `merge-undo` `merge-form` `merge-swap` `merge-take-FIELD` `merge-submit` `similar` `contact-bin` `deleted` `deleted-restore` `contact-changes-open` `contact-changes` `contact-change` `audit` `audit-row` |
| calls | `call-filters` `call-results` `call-row` (with `data-call-id`) `call-pbx` `call-details` `call-result` `call-note` `call-timeline` `call-trace` `recorded` `recordings` `recording` (with `data-state`) `audio` `recording-access` `keep` |
| callbacks | `callback-count` `callbacks` `view-VIEW` `callback-row` (with `data-task`, `data-owned-by`) `callback-overdue` `callback-owner` `callback-take` `callback-give-back` `callback-later` `callback-close` `close-form` `close-reason` `close-submit`; on a client's card `open-callback` |
| board | `board` `board-figures` `board-links` `board-link` `board-waiting` `board-waiting-row` (with `data-level`) `board-queues` `board-queue-row` `board-agents` `board-agent-row` (with `data-state`) `board-calls` `board-call-row` (with `data-phase`); rows carry `data-key` |
| voicemail | `voicemail-count` `voicemail` `view-VIEW` `voicemail-row` (with `data-voicemail`, `data-state`) `voicemail-play` `voicemail-download` `voicemail-audio` `voicemail-status` `voicemail-call-back` `voicemail-done` `voicemail-heard` `voicemail-new` `voicemail-delete` `delete-submit`; on a call `call-voicemail` `call-message`; in lists `left-message`; on a client's card `new-message` |
| users | `add-user` `user-row` (with `data-name`) `edit-user` `user-form` `user-save` `unassigned-phones` `unassigned-phone` |
| queues, for administrators | `queue-row` (with `data-queue`) `edit-queue` `queue-form` `queue-save` `queue-reset`; on a card `ready` `more-time` `wrap-up-left` `wrap-up-paused` `wrap-up-over` |
| results of calls | `add-result` `result-row` (with `data-result`) `result-up` `result-down` `result-add-below` `edit-result` `result-form` `result-save`; on a card `result-find` `result-back` |
| imports of clients | `import-contacts` `export-contacts` `import-form` `import-file` `import-drop` `import-try` `import-start` `import` `import-state` `import-figures` `import-column` `import-row` `import-refusal` `import-error` `import-errors` `import-cancel` `import-undo` `import-undone`; on a call `call-pbx` |
| agents' days | `day-row` (with `data-agent`) `day-calls` `day-before` `day-after` `day-date`; on the desktop `my-day` `my-day-calls` `phone-unreachable` |
| listening in, for administrators | `spyings` `spying` |
| reasons for a pause | `pause-reasons` `reasons-save` |
"""  # noqa: E501 - a table row is one line
