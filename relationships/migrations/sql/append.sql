-- Appends one event, in one round trip: the single writer of a ledger is whoever holds its head.
--
-- Locks are taken in the order in which everybody takes them: the stream, the person's key, the head. The natural key
-- is looked up after the stream is locked, so two senders of one fact cannot both find it new. All times are
-- parameters; p_now is the caller's clock.
--
-- The outcome is told, not raised, so that a surrounding transaction stays usable:
--   created       the event's position, version, recorded_at and chain_hash are given
--   known         the natural key exists: event_id is that event's; nothing is written
--   version       p_expected is not the stream's version, which is given; nothing is written
--   no_stream     there is no such stream in this ledger
--   key_destroyed the person was erased meanwhile; nothing is written

CREATE FUNCTION relationships_append(
    p_ledger bigint, p_stream uuid, p_expected bigint, p_now timestamptz,
    p_event_id uuid, p_type text, p_type_version smallint,
    p_occurred_at timestamptz, p_occurred_tz text, p_precision text,
    p_recorded_by text, p_source text, p_external_id text, p_request_id text, p_supersedes uuid,
    p_body json, p_content_hash bytea,
    p_sealed_digest bytea, p_key uuid, p_nonce bytea, p_ciphertext bytea, p_text_mac bytea,
    OUT outcome text, OUT o_event_id uuid, OUT o_position bigint, OUT o_version bigint,
    OUT o_recorded_at timestamptz, OUT o_chain_hash bytea
) LANGUAGE plpgsql AS $$
BEGIN
    SELECT version INTO o_version FROM relationships_stream
      WHERE id = p_stream AND ledger_id = p_ledger FOR UPDATE;
    IF NOT FOUND THEN
        outcome := 'no_stream';
        RETURN;
    END IF;

    IF p_external_id IS NOT NULL THEN
        SELECT event_id INTO o_event_id FROM relationships_event
          WHERE ledger_id = p_ledger AND stream_id = p_stream
            AND source = p_source AND external_id = p_external_id;
        IF FOUND THEN
            outcome := 'known';
            RETURN;
        END IF;
    END IF;

    IF p_key IS NOT NULL THEN
        PERFORM FROM relationships_personkey
          WHERE id = p_key AND ledger_id = p_ledger AND destroyed_at IS NULL FOR SHARE;
        IF NOT FOUND THEN
            outcome := 'key_destroyed';
            RETURN;
        END IF;
    END IF;

    IF p_expected <> o_version THEN
        outcome := 'version';
        RETURN;
    END IF;

    o_version := o_version + 1;
    -- The link, as relationships/domain/chain.py draws it; int8send is the 8-byte big-endian integer.
    UPDATE relationships_ledgerhead SET
        position = position + 1,
        recorded_at = greatest(p_now, recorded_at + interval '1 microsecond'),
        chain_hash = sha256(
            chain_hash || p_content_hash || int8send(position + 1) || int8send(o_version) || int8send(
                (extract(epoch FROM greatest(p_now, recorded_at + interval '1 microsecond')) * 1000000)::bigint))
      WHERE ledger_id = p_ledger
      RETURNING position, recorded_at, chain_hash INTO o_position, o_recorded_at, o_chain_hash;

    UPDATE relationships_stream SET version = o_version WHERE id = p_stream AND ledger_id = p_ledger;

    INSERT INTO relationships_event (
        event_id, ledger_id, position, stream_id, version, type, type_version,
        occurred_at, occurred_tz, precision, recorded_at, recorded_by, source, external_id, request_id,
        supersedes, body, sealed_digest, content_hash, chain_hash)
      VALUES (
        p_event_id, p_ledger, o_position, p_stream, o_version, p_type, p_type_version,
        p_occurred_at, p_occurred_tz, p_precision, o_recorded_at, p_recorded_by, p_source, p_external_id, p_request_id,
        p_supersedes, p_body, p_sealed_digest, p_content_hash, o_chain_hash);

    IF p_key IS NOT NULL THEN
        INSERT INTO relationships_sealedpart (event_id, ledger_id, key_id, nonce, ciphertext, text_mac)
          VALUES (p_event_id, p_ledger, p_key, p_nonce, p_ciphertext, p_text_mac);
    END IF;

    outcome := 'created';
    o_event_id := p_event_id;
END $$;
