-- Entries of the security log are never changed, and go only when they were kept for 400 days.

CREATE FUNCTION accounts_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.at < now() - interval '400 days' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% of %: the security log stays as it is', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER security_entry_stays BEFORE UPDATE OR DELETE ON accounts_securityentry
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_change();
