-- Foreign keys that contain the ledger: they keep a row from pointing into another ledger, and they still hold when the
-- tables are distributed by it. Django cannot declare them.

ALTER TABLE relationships_client ADD CONSTRAINT client_owner_in_ledger
    FOREIGN KEY (ledger_id, owner_id) REFERENCES relationships_colleague (ledger_id, id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE relationships_clientexternalid ADD CONSTRAINT external_id_of_client_in_ledger
    FOREIGN KEY (ledger_id, client_id) REFERENCES relationships_client (ledger_id, id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE relationships_contact ADD CONSTRAINT contact_of_client_in_ledger
    FOREIGN KEY (ledger_id, client_id) REFERENCES relationships_client (ledger_id, id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE relationships_contacthandle ADD CONSTRAINT handle_of_contact_in_ledger
    FOREIGN KEY (ledger_id, contact_id) REFERENCES relationships_contact (ledger_id, id) DEFERRABLE INITIALLY DEFERRED;
