-- A version of a policy is a proposal kept word for word: what is thought of next is another version.

CREATE FUNCTION relationships_refuse_policy_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of %: a version of a policy stays as it is; make another', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER policy_version_immutable BEFORE UPDATE OR DELETE ON relationships_policyversion
    FOR EACH ROW EXECUTE FUNCTION relationships_refuse_policy_change();
