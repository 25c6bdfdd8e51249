"""The card's question to the database: one statement, one JSON text, decoded once.

Parameters: 1 the number's key ('' = none), 2 a call to leave out ('' = none), 3 start of today in epoch seconds,
4 a contact that is meant whatever the number says (NULL = let the number say). Both databases get the same question;
only the words for JSON differ. A contract test holds the answers equal.
"""

from crm_core.db import Statement

MOST_CANDIDATES = 20
HISTORY = 5

QUESTION = """
WITH owner AS (
  SELECT DISTINCT c.id, c.name, c.name_key, company.name AS company
  FROM contact_phone p
  JOIN contact c ON c.id = p.contact_id AND c.deleted_at IS NULL
  LEFT JOIN company ON company.id = c.company_id
  WHERE p.number_key = :number
  ORDER BY c.name_key, c.id LIMIT :most
), choice AS (
  SELECT contact_id AS id FROM number_choice WHERE number_key = :number AND contact_id IN (SELECT id FROM owner)
), meant AS (
  SELECT coalesce(:contact, (SELECT id FROM choice), (SELECT CASE WHEN count(*) = 1 THEN min(id) END FROM owner)) AS id
), past AS (
  SELECT * FROM (
    SELECT id, started_at, direction, outcome, agent, extension, queue, talk_seconds, disposition
    FROM call WHERE contact_id = (SELECT id FROM meant) AND id <> :call
    ORDER BY started_at DESC LIMIT :history) AS of_contact
  UNION ALL
  SELECT * FROM (
    SELECT id, started_at, direction, outcome, agent, extension, queue, talk_seconds, disposition
    FROM call WHERE number_key = :number AND (SELECT id FROM meant) IS NULL AND id <> :call
    ORDER BY started_at DESC LIMIT :history) AS of_number
)
SELECT :object(
  'candidates', :nested(SELECT :array(:object('id', id, 'name', name, 'company', company)):end
    FROM (SELECT * FROM owner ORDER BY name_key, id) AS named):close,
  'chosen', :chosen,
  'contact', :nested(SELECT :object(
      'id', c.id, 'name', c.name, 'notes', c.notes, 'custom', :custom,
      'company', (SELECT name FROM company WHERE id = c.company_id),
      'owner', (SELECT name FROM staff_user WHERE id = c.owner_id),
      'groups', :nested(SELECT :array(name):end FROM (SELECT g.name FROM contact_group m
        JOIN client_group g ON g.id = m.group_id WHERE m.contact_id = c.id ORDER BY g.name_key) AS named):close,
      'tags', :nested(SELECT :array(name):end FROM (SELECT t.name FROM contact_tag m
        JOIN tag t ON t.id = m.tag_id WHERE m.contact_id = c.id ORDER BY t.name_key) AS named):close,
      'emails', :nested(SELECT :array(address):end FROM (SELECT address FROM contact_email
        WHERE contact_id = c.id ORDER BY position) AS named):close)
    FROM contact c WHERE c.id = (SELECT id FROM meant) AND c.deleted_at IS NULL):close,
  'calls', :nested(SELECT :array(:object(
      'id', id, 'started_at', started_at, 'direction', direction, 'outcome', outcome,
      'agent', coalesce(agent, extension), 'queue', queue, 'talk_seconds', talk_seconds, 'disposition', disposition,
      'note', (SELECT n.text FROM call_note n WHERE n.call_id = sorted.id AND n.text <> ''
        ORDER BY n.updated_at DESC, n.id DESC LIMIT 1))):end
    FROM (SELECT * FROM past ORDER BY started_at DESC, id DESC) AS sorted):close,
  'calls_today',
    (SELECT count(*) FROM call WHERE contact_id = (SELECT id FROM meant) AND started_at >= :today AND id <> :call)
    + (SELECT count(*) FROM call WHERE number_key = :number AND (SELECT id FROM meant) IS NULL
       AND started_at >= :today AND id <> :call)
)
"""

SQLITE = {
    ":number": "?1",
    ":call": "?2",
    ":today": "?3",
    ":contact": "?4",
    ":object": "json_object",
    ":array": "json_group_array",
    ":end": "",
    ":nested": "json((",
    ":close": ")",
    ":chosen": "json(CASE WHEN EXISTS (SELECT 1 FROM choice) THEN 'true' ELSE 'false' END)",
    ":custom": "json(c.custom)",
}
POSTGRESQL = {
    ":number": "$1",
    ":call": "$2",
    ":today": "$3",
    ":contact": "$4::bigint",
    ":object": "json_build_object",
    ":array": "coalesce(json_agg",
    ":end": ", '[]')",
    ":nested": "(",
    ":close": "",
    ":chosen": "EXISTS (SELECT 1 FROM choice)",
    ":custom": "c.custom::json",
}


def _spelled(words: dict[str, str]) -> str:
    question = QUESTION.replace(":most", str(MOST_CANDIDATES)).replace(":history", str(HISTORY))
    question = question.replace(":nested(", ":nested")
    for placeholder, word in words.items():
        question = question.replace(placeholder, word)
    return question


CARD = Statement(sqlite=_spelled(SQLITE), postgresql=_spelled(POSTGRESQL))
