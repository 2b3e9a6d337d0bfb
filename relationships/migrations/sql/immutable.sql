-- Events are never changed and never deleted; a sealed part goes only with its key.
-- Row triggers do not see TRUNCATE: it has its own.

CREATE FUNCTION relationships_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of %: what is recorded stays as it is; append event_corrected or event_retracted instead',
        TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION relationships_refuse_unless_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM relationships_personkey WHERE id = OLD.key_id AND destroyed_at IS NOT NULL) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'DELETE of %: a sealed part goes only when the person is erased', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER event_immutable BEFORE UPDATE OR DELETE ON relationships_event
    FOR EACH ROW EXECUTE FUNCTION relationships_refuse();
CREATE TRIGGER event_not_truncated BEFORE TRUNCATE ON relationships_event
    FOR EACH STATEMENT EXECUTE FUNCTION relationships_refuse();

CREATE TRIGGER sealed_part_immutable BEFORE UPDATE ON relationships_sealedpart
    FOR EACH ROW EXECUTE FUNCTION relationships_refuse();
CREATE TRIGGER sealed_part_erased_only BEFORE DELETE ON relationships_sealedpart
    FOR EACH ROW EXECUTE FUNCTION relationships_refuse_unless_erased();
CREATE TRIGGER sealed_part_not_truncated BEFORE TRUNCATE ON relationships_sealedpart
    FOR EACH STATEMENT EXECUTE FUNCTION relationships_refuse();
