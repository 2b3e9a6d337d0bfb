-- The second wall. Three settings, local to each transaction (accounts/walls.py), say who looks:
--   app.sight         everything | all (of the organisation) | team | own; anything else, or nothing: no rows
--   app.organisation  its id
--   app.whose         the id of the team, or of the user
-- The owner of the tables is not held back; every other role is.
--
-- What does not depend on the row stands in sub-selects of its own: the planner works it out once a statement. What
-- does is a function, reached only where somebody sees a part of the organisation: plans stay small for all others.

CREATE FUNCTION relationships_sees_client(p_client uuid) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM relationships_client c JOIN relationships_colleague o ON o.id = c.owner_id
         WHERE c.id = p_client
           AND CASE current_setting('app.sight', true)
               WHEN 'team' THEN o.team_id = nullif(current_setting('app.whose', true), '')::bigint
               WHEN 'own' THEN o.user_id = nullif(current_setting('app.whose', true), '')::bigint
               ELSE false END);
END $$;

CREATE FUNCTION relationships_sees_contact(p_contact uuid) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM relationships_contact k WHERE k.id = p_contact AND relationships_sees_client(k.client_id));
END $$;

CREATE FUNCTION relationships_sees_event(p_event uuid) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM relationships_event e WHERE e.event_id = p_event AND relationships_sees_client(e.stream_id));
END $$;

ALTER TABLE relationships_client ENABLE ROW LEVEL SECURITY;
CREATE POLICY client_seen ON relationships_client USING (
    (SELECT current_setting('app.sight', true) = 'everything')
    OR (
        ledger_id = ANY (ARRAY(
            SELECT id FROM relationships_ledger
             WHERE organisation_id = nullif(current_setting('app.organisation', true), '')::bigint))
        AND (
            (SELECT current_setting('app.sight', true) = 'all')
            OR owner_id = ANY (ARRAY(
                SELECT id FROM relationships_colleague
                 WHERE CASE current_setting('app.sight', true)
                       WHEN 'team' THEN team_id = nullif(current_setting('app.whose', true), '')::bigint
                       WHEN 'own' THEN user_id = nullif(current_setting('app.whose', true), '')::bigint
                       ELSE false END))
        )
    )
);

-- Events of the organisation itself stand in a stream that is no client's: those who see all see them.
ALTER TABLE relationships_event ENABLE ROW LEVEL SECURITY;
CREATE POLICY event_seen ON relationships_event USING (
    (SELECT current_setting('app.sight', true) = 'everything')
    OR (
        ledger_id = ANY (ARRAY(
            SELECT id FROM relationships_ledger
             WHERE organisation_id = nullif(current_setting('app.organisation', true), '')::bigint))
        AND ((SELECT current_setting('app.sight', true) = 'all') OR relationships_sees_client(stream_id))
    )
);

ALTER TABLE relationships_sealedpart ENABLE ROW LEVEL SECURITY;
CREATE POLICY sealed_part_seen ON relationships_sealedpart USING (
    (SELECT current_setting('app.sight', true) = 'everything')
    OR (
        ledger_id = ANY (ARRAY(
            SELECT id FROM relationships_ledger
             WHERE organisation_id = nullif(current_setting('app.organisation', true), '')::bigint))
        AND ((SELECT current_setting('app.sight', true) = 'all') OR relationships_sees_event(event_id))
    )
);

ALTER TABLE relationships_clientexternalid ENABLE ROW LEVEL SECURITY;
CREATE POLICY external_id_seen ON relationships_clientexternalid USING (
    (SELECT current_setting('app.sight', true) = 'everything')
    OR (
        ledger_id = ANY (ARRAY(
            SELECT id FROM relationships_ledger
             WHERE organisation_id = nullif(current_setting('app.organisation', true), '')::bigint))
        AND ((SELECT current_setting('app.sight', true) = 'all') OR relationships_sees_client(client_id))
    )
);

ALTER TABLE relationships_contact ENABLE ROW LEVEL SECURITY;
CREATE POLICY contact_seen ON relationships_contact USING (
    (SELECT current_setting('app.sight', true) = 'everything')
    OR (
        ledger_id = ANY (ARRAY(
            SELECT id FROM relationships_ledger
             WHERE organisation_id = nullif(current_setting('app.organisation', true), '')::bigint))
        AND ((SELECT current_setting('app.sight', true) = 'all') OR relationships_sees_client(client_id))
    )
);

ALTER TABLE relationships_contacthandle ENABLE ROW LEVEL SECURITY;
CREATE POLICY contact_handle_seen ON relationships_contacthandle USING (
    (SELECT current_setting('app.sight', true) = 'everything')
    OR (
        ledger_id = ANY (ARRAY(
            SELECT id FROM relationships_ledger
             WHERE organisation_id = nullif(current_setting('app.organisation', true), '')::bigint))
        AND ((SELECT current_setting('app.sight', true) = 'all') OR relationships_sees_contact(contact_id))
    )
);

-- A stretch of the log without its content: what everybody of the organisation may know of every event, so that a
-- feed has no holes. It runs as the owner, hence the look at who asks.
CREATE FUNCTION relationships_skeleton(
    p_ledger bigint, p_after bigint, p_limit integer,
    OUT o_position bigint, OUT o_chain_hash bytea
) RETURNS SETOF record LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    IF current_setting('app.sight', true) = 'everything' OR (
        current_setting('app.sight', true) IN ('all', 'team', 'own') AND EXISTS (
            SELECT FROM relationships_ledger l
             WHERE l.id = p_ledger
               AND l.organisation_id = nullif(current_setting('app.organisation', true), '')::bigint))
    THEN
        RETURN QUERY SELECT e.position, e.chain_hash FROM relationships_event e
          WHERE e.ledger_id = p_ledger AND e.position > p_after ORDER BY e.position LIMIT p_limit;
    END IF;
END $$;
